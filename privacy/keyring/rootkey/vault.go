package rootkey

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// vault asks the transit engine of a HashiCorp Vault or an OpenBao, by Tink's client.
//
// Threat: a key travels in plain to the service and back. So the wire is TLS that is verified, or does not leave the
// machine; a redirect, which could lead elsewhere, is not followed. Tink's own way to make a client passes associated
// data as "context", which the service ignores for ordinary keys, and a row could be put in another's place unseen; here
// it is "associated_data", which is authenticated.
type vault struct {
	address string // of the server
	path    string // of the key: /transit/keys/NAME
	limit   time.Duration
	base    *http.Transport
}

func openVault(uri string, limit time.Duration) (Root, error) {
	u, err := parseVault(uri)
	if err != nil {
		return nil, err
	}
	v := &vault{address: "https://" + u.Host, path: u.Path, limit: limit}
	if u.Scheme == "hcvault+http" {
		v.address = "http://" + u.Host
	}
	if v.base, err = vaultTransport(); err != nil {
		return nil, fmt.Errorf("root key %s: %w", u, err)
	}
	if _, err := v.aead(context.Background()); err != nil { // what is wrong with the environment shows now
		return nil, fmt.Errorf("root key %s: %w", u, err)
	}
	return &service{uri: u.String(), limit: limit, aead: v, explain: v.explain}, nil
}

func parseVault(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	switch {
	case err != nil: // the error would quote the URI, and with it a password
		return nil, errors.New("root key: the URI cannot be parsed: want hcvault://HOST[:PORT]/MOUNT/keys/NAME")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("root key: a hcvault URI holds nothing but host and key: put the token in VAULT_TOKEN, a namespace in VAULT_NAMESPACE")
	case u.Hostname() == "" || u.EscapedPath() != u.Path || !vaultPath.MatchString(u.Path):
		return nil, errors.New("root key: the URI names no key of a transit engine: want hcvault://HOST[:PORT]/MOUNT/keys/NAME")
	case u.Scheme == "hcvault+http" && !loopback(u):
		return nil, fmt.Errorf("root key %s: http shows the keys to the network, so it is for 127.0.0.1, [::1] and localhost only: use hcvault://", u)
	}
	return u, nil
}

var vaultPath = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+/keys/[A-Za-z0-9_-][A-Za-z0-9_.-]*$`)

// vaultEnv is a variable of OpenBao, or else the same of Vault.
func vaultEnv(name string) string {
	if v := os.Getenv("BAO_" + name); v != "" {
		return v
	}
	return os.Getenv("VAULT_" + name)
}

func vaultTransport() (*http.Transport, error) {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        1,
		IdleConnTimeout:     callLimit, // it is asked seldom
		TLSHandshakeTimeout: callLimit,
	}
	c := api.Config{HttpClient: &http.Client{Transport: t}}
	err := c.ConfigureTLS(&api.TLSConfig{
		CACert:        vaultEnv("CACERT"),
		CACertBytes:   []byte(vaultEnv("CACERT_BYTES")),
		CAPath:        vaultEnv("CAPATH"),
		ClientCert:    vaultEnv("CLIENT_CERT"),
		ClientKey:     vaultEnv("CLIENT_KEY"),
		TLSServerName: vaultEnv("TLS_SERVER_NAME"),
	})
	if err != nil {
		return nil, fmt.Errorf("read VAULT_CACERT and the like: %w", err)
	}
	return t, nil
}

// aead returns Tink's client for the time of ctx. Tink's interface has no context, so the client's connection has it.
func (v *vault) aead(ctx context.Context) (tink.AEAD, error) {
	c, err := api.NewClient(&api.Config{
		Address:          v.address,
		HttpClient:       &http.Client{Transport: during{ctx, v.base}, CheckRedirect: noRedirect},
		Timeout:          v.limit,
		DisableRedirects: true,
	})
	if err != nil {
		return nil, err
	}
	c.SetToken(vaultEnv("TOKEN")) // none: an agent on this machine adds its own
	if ns := vaultEnv("NAMESPACE"); ns != "" {
		c.SetNamespace(ns)
	}
	return hcvault.NewAEAD(v.path, c.Logical())
}

func (v *vault) EncryptWithContext(ctx context.Context, key, ad []byte) ([]byte, error) {
	a, err := v.aead(ctx)
	if err != nil {
		return nil, err
	}
	return a.Encrypt(key, ad)
}

func (v *vault) DecryptWithContext(ctx context.Context, wrapped, ad []byte) ([]byte, error) {
	a, err := v.aead(ctx)
	if err != nil {
		return nil, err
	}
	return a.Decrypt(wrapped, ad)
}

// during sends requests that end with ctx.
type during struct {
	ctx  context.Context
	base *http.Transport
}

const maxAnswer = 1 << 20 // bytes; a wrapped key has some hundred

func (d during) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.base.RoundTrip(r.WithContext(d.ctx))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 3 {
		_ = resp.Body.Close()
		return nil, errRedirect
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

var errRedirect = errors.New("it points to another address, which is not followed: name the active server, or turn on request forwarding")

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// explain tells what an answer means. The service has one status for most mistakes, so its words decide; what they are
// is checked by nobody, so they are not passed on.
func (v *vault) explain(err error) error {
	var r *api.ResponseError
	if !errors.As(err, &r) {
		var cert *tls.CertificateVerificationError
		if errors.As(err, &cert) {
			return fmt.Errorf("%w: name its authority's certificate in VAULT_CACERT: %w", ErrUnreachable, err)
		}
		var sent *url.Error
		if !errors.As(err, &sent) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("%w: what answers does not speak as a key service: mend the URI: %w", ErrUnreachable, err)
		}
		return noAnswer(err)
	}
	said := func(words ...string) bool {
		for _, e := range r.Errors {
			for _, w := range words {
				if !r.RawError && r.StatusCode == http.StatusBadRequest && strings.Contains(e, w) {
					return true
				}
			}
		}
		return false
	}
	switch {
	case said("encryption key not found"):
		return fmt.Errorf("%w: restore it, or mend the name in the URI; never make a new one of this name: it could not read what the old one wrapped", ErrMissing)
	case said("message authentication failed", "invalid ciphertext", "no such key version"):
		return fmt.Errorf("%w: is it the URI that belongs to this database?", ErrWrongKey)
	case said("disallowed by policy"):
		return fmt.Errorf("%w: the key's min_decryption_version is above what wrapped this: lower it until everything is wrapped anew", ErrUnreachable)
	case said("non-AEAD", "not supported", "key derivation"):
		return fmt.Errorf("%w: it takes a key of type aes256-gcm96 without derivation", ErrUnfit)
	}
	switch r.StatusCode {
	case http.StatusForbidden:
		return fmt.Errorf(`%w: it answered 403: the token in VAULT_TOKEN is missing or expired, or its policy lacks "update" on encrypt and decrypt of this key; or the key is not there`, ErrUnreachable)
	case http.StatusNotFound:
		return fmt.Errorf("%w: no transit engine at this path: mend the URI or VAULT_NAMESPACE", ErrMissing)
	case http.StatusServiceUnavailable:
		return fmt.Errorf("%w: it answered 503: it is sealed or has no leader", ErrUnreachable)
	}
	return fmt.Errorf("%w: it answered %d: its log tells why", ErrUnreachable, r.StatusCode)
}
