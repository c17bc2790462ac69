package rootkey

import (
	"crypto/cipher"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestVaultRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*testing.T, *transit) http.Handler // after a key was wrapped; nil: goes on to serve the transit
		uri   func(string) string
		wrap  error // nil: not asked
		want  error // of Unwrap
		text  string
	}{
		"another token": {
			spoil: func(t *testing.T, _ *transit) http.Handler { t.Setenv("VAULT_TOKEN", "s3cret"); return nil },
			wrap:  ErrUnreachable, want: ErrUnreachable, text: "VAULT_TOKEN",
		},
		"no token": {
			spoil: func(t *testing.T, _ *transit) http.Handler { t.Setenv("VAULT_TOKEN", ""); return nil },
			wrap:  ErrUnreachable, want: ErrUnreachable, text: "VAULT_TOKEN",
		},
		"another namespace": {
			spoil: func(t *testing.T, _ *transit) http.Handler { t.Setenv("VAULT_NAMESPACE", "team"); return nil },
			wrap:  ErrUnreachable, want: ErrUnreachable, text: "403",
		},
		"no right to decrypt": {
			spoil: func(_ *testing.T, tr *transit) http.Handler { tr.policy = map[string]bool{"encrypt": true}; return nil },
			wrap:  ErrUnreachable, want: ErrUnreachable, text: `"update"`,
		},
		"a key that is gone": {
			spoil: func(_ *testing.T, tr *transit) http.Handler { delete(tr.keys, "crm"); return nil },
			wrap:  ErrUnreachable, want: ErrMissing, text: "never make a new one",
		},
		"a key made anew": {
			spoil: func(_ *testing.T, tr *transit) http.Handler { tr.keys["crm"][0] = gcm(); return nil },
			want:  ErrWrongKey,
		},
		"another engine": {
			uri:  func(uri string) string { return strings.Replace(uri, "/transit/", "/transitt/", 1) },
			wrap: ErrMissing, want: ErrMissing, text: "no transit engine",
		},
		"a version that is too old": {
			spoil: func(_ *testing.T, tr *transit) http.Handler { tr.min = 2; return nil },
			want:  ErrUnreachable, text: "min_decryption_version",
		},
		"a version that was lost with a restore": {
			spoil: func(_ *testing.T, tr *transit) http.Handler { tr.keys["crm"] = make([]cipher.AEAD, 0); return nil },
			want:  ErrWrongKey,
		},
		"a key that cannot bind": {
			spoil: func(_ *testing.T, tr *transit) http.Handler { tr.keyType = "rsa-4096"; return nil },
			wrap:  ErrUnfit, want: ErrUnfit, text: "aes256-gcm96",
		},
		"sealed":         {spoil: status(503, `{"errors":["Vault is sealed"]}`), wrap: ErrUnreachable, want: ErrUnreachable, text: "sealed"},
		"a proxy's page": {spoil: status(502, "<html>what the service says"), wrap: ErrUnreachable, want: ErrUnreachable, text: "502"},
		"a page that speaks like the service": {spoil: status(400, "<html>message authentication failed"),
			wrap: ErrUnreachable, want: ErrUnreachable, text: "400"},
		"an echo": {
			spoil: func(*testing.T, *transit) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(400); _, _ = io.Copy(w, r.Body) })
			},
			wrap: ErrUnreachable, want: ErrUnreachable, text: "400",
		},
		"an empty answer":  {spoil: status(200, ""), wrap: ErrUnreachable, want: ErrUnreachable},
		"an empty 404":     {spoil: status(404, ""), wrap: ErrMissing, want: ErrMissing},
		"an empty key":     {spoil: status(200, `{"data":{"plaintext":""}}`), want: ErrUnreachable, text: "without a key"},
		"something else":   {spoil: status(200, `hello`), wrap: ErrUnreachable, want: ErrUnreachable, text: "mend the URI"},
		"an endless reply": {spoil: status(200, strings.Repeat(" ", 2*maxAnswer)+`{"data":{"plaintext":"eA=="}}`), want: ErrUnreachable},
		"a redirect": {
			spoil: func(*testing.T, *transit) http.Handler {
				return http.RedirectHandler("http://192.0.2.1/v1/transit/encrypt/crm", http.StatusTemporaryRedirect)
			},
			wrap: ErrUnreachable, want: ErrUnreachable, text: "not followed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTransit("crm")
			var now http.Handler = tr
			uri := startTransit(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { now.ServeHTTP(w, r) }), "crm")
			wrapped := mustWrap(t, mustOpen(t, uri))
			if c.spoil != nil {
				if h := c.spoil(t, tr); h != nil {
					now = h
				}
			}
			if c.uri != nil {
				uri = c.uri(uri)
			}
			root := mustOpen(t, uri)
			got, err := root.Unwrap(t.Context(), wrapped, ad)
			if !errors.Is(err, c.want) || got != nil || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), uri) {
				t.Fatalf("unwrap: %q, %v, want %v with %q", got, err, c.want, c.text)
			}
			clean(t, err)
			if c.wrap == nil {
				return
			}
			got, err = root.Wrap(t.Context(), kek, ad)
			if !errors.Is(err, c.wrap) || got != nil {
				t.Fatalf("wrap: %q, %v, want %v", got, err, c.wrap)
			}
			clean(t, err)
		})
	}
}

func status(code int, body string) func(*testing.T, *transit) http.Handler {
	return func(*testing.T, *transit) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); _, _ = io.WriteString(w, body) })
	}
}

// TestVaultProvesTheBinding: a server from before associated data takes the parameter and ignores it.
func TestVaultProvesTheBinding(t *testing.T) {
	tr := newTransit("crm")
	root := mustOpen(t, startTransit(t, tr, "crm"))
	mustWrap(t, root)
	if want := []string{"encrypt", "decrypt", "decrypt"}; !slices.Equal(tr.requests, want) {
		t.Errorf("asked %v, want %v", tr.requests, want)
	}
	tr.oldest = true
	if _, err := root.Wrap(t.Context(), kek, ad); !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), "Vault 1.13") {
		t.Errorf("a server that does not bind: %v", err)
	}
}

func TestVaultRotation(t *testing.T) {
	tr := newTransit("crm")
	root := mustOpen(t, startTransit(t, tr, "crm"))
	old := mustWrap(t, root)
	tr.keys["crm"] = append(tr.keys["crm"], gcm())
	mustUnwrap(t, root, old)
	if w := mustWrap(t, root); !strings.HasPrefix(string(w), "vault:v2:") {
		t.Errorf("wrapped by %.9s, want the newest version", w)
	}
}

// TestVaultEnvironment: names of OpenBao go before those of Vault, and TLS is verified whatever the environment says.
func TestVaultEnvironment(t *testing.T) {
	tr := newTransit("crm")
	clearEnv(t)
	s := serve(t, true, tr)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  map[string]string
		ns   string
		fail string
	}{
		"Vault":                {env: map[string]string{"VAULT_TOKEN": "t0ken", "VAULT_CACERT": authority, "VAULT_NAMESPACE": "team"}, ns: "team"},
		"OpenBao":              {env: map[string]string{"BAO_TOKEN": "t0ken", "BAO_CACERT": authority, "BAO_NAMESPACE": "team"}, ns: "team"},
		"OpenBao before Vault": {env: map[string]string{"BAO_TOKEN": "t0ken", "VAULT_TOKEN": "s3cret", "BAO_CACERT": authority, "BAO_NAMESPACE": "a", "VAULT_NAMESPACE": "b"}, ns: "a"},
		"not another address":  {env: map[string]string{"VAULT_TOKEN": "t0ken", "VAULT_CACERT": authority, "VAULT_ADDR": "https://192.0.2.1", "VAULT_AGENT_ADDR": "http://192.0.2.1"}},
		"no authority":         {env: map[string]string{"VAULT_TOKEN": "t0ken"}, fail: "VAULT_CACERT"},
		"no verification":      {env: map[string]string{"VAULT_TOKEN": "t0ken", "VAULT_SKIP_VERIFY": "true"}, fail: "VAULT_CACERT"},
		"another server name":  {env: map[string]string{"VAULT_TOKEN": "t0ken", "VAULT_CACERT": authority, "VAULT_TLS_SERVER_NAME": "vault.invalid"}, fail: "VAULT_CACERT"},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			tr.ns = c.ns
			root := mustOpen(t, "hcvault://"+s.Listener.Addr().String()+"/transit/keys/crm")
			_, err := root.Wrap(t.Context(), kek, ad)
			if c.fail == "" && err != nil || c.fail != "" && (!errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), c.fail)) {
				t.Errorf("wrap: %v", err)
			}
		})
	}
	t.Setenv("VAULT_CACERT", filepath.Join(t.TempDir(), "none"))
	if _, err := Open("hcvault://vault.example.com/transit/keys/crm"); err == nil || !strings.Contains(err.Error(), "VAULT_CACERT") {
		t.Errorf("an authority that is not there: %v", err)
	}
}
