package rootkey

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	kek = []byte("0123456789abcdef0123456789abcdef")
	ad  = []byte("kek|7")
)

// TestEveryRoot holds each implementation to what Root promises.
func TestEveryRoot(t *testing.T) {
	for name, start := range map[string]func(*testing.T) (uri, other string){
		"file": func(t *testing.T) (string, string) {
			uris := make([]string, 2)
			for i := range uris {
				path := filepath.Join(t.TempDir(), "root.json")
				if err := CreateFile(path); err != nil {
					t.Fatal(err)
				}
				uris[i] = "file:" + path
			}
			return uris[0], uris[1]
		},
		"vault": func(t *testing.T) (string, string) {
			uri := startTransit(t, newTransit("crm", "other"), "crm")
			return uri, strings.TrimSuffix(uri, "crm") + "other"
		},
		"aws": func(t *testing.T) (string, string) {
			uri := startKMS(t, newKMS("crm", "other"), "crm")
			return uri, strings.TrimSuffix(uri, "crm") + "other"
		},
	} {
		t.Run(name, func(t *testing.T) {
			uri, otherURI := start(t)
			root, other := mustOpen(t, uri), mustOpen(t, otherURI)
			ctx := t.Context()
			wrapped := mustWrap(t, root)

			if root.String() != uri {
				t.Errorf("String is %s, want %s", root, uri)
			}
			if bytes.Contains(wrapped, kek) {
				t.Error("the wrapped key holds the key in plain")
			}
			if again := mustWrap(t, root); bytes.Equal(again, wrapped) {
				t.Error("wrapping twice gives the same")
			}
			if got, err := root.Unwrap(ctx, wrapped, ad); err != nil || !bytes.Equal(got, kek) {
				t.Errorf("unwrap: %q, %v", got, err)
			}
			changed := bytes.Clone(wrapped)
			changed[len(changed)-1] ^= 1
			for what, c := range map[string]struct {
				root        Root
				wrapped, ad []byte
			}{
				"another place":       {root, wrapped, []byte("kek|8")},
				"no place":            {root, wrapped, nil},
				"another root":        {other, wrapped, ad},
				"changed on its way":  {root, changed, ad},
				"nothing":             {root, nil, ad},
				"not a wrapped key":   {root, []byte("x"), ad},
				"cut off":             {root, wrapped[:len(wrapped)/2], ad},
				"a key that is plain": {root, kek, ad},
			} {
				got, err := c.root.Unwrap(ctx, c.wrapped, c.ad)
				if !errors.Is(err, ErrWrongKey) || got != nil {
					t.Errorf("%s: %q, %v", what, got, err)
				}
				clean(t, err)
			}
			bare, err := root.Wrap(ctx, kek, nil)
			if err != nil {
				t.Errorf("wrap without associated data: %v", err)
			}
			if got, err := root.Unwrap(ctx, bare, nil); err != nil || !bytes.Equal(got, kek) {
				t.Errorf("unwrap without associated data: %q, %v", got, err)
			}
			if _, err := root.Wrap(ctx, nil, ad); !errors.Is(err, errEmptyKey) {
				t.Errorf("an empty key: %v", err)
			}
			over, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := root.Wrap(over, kek, ad); !errors.Is(err, context.Canceled) {
				t.Errorf("wrap for a request that is over: %v", err)
			}
			if _, err := root.Unwrap(over, wrapped, ad); !errors.Is(err, context.Canceled) {
				t.Errorf("unwrap for a request that is over: %v", err)
			}
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					w, err := root.Wrap(ctx, kek, ad)
					if err != nil {
						t.Error(err)
						return
					}
					if got, err := root.Unwrap(ctx, w, ad); err != nil || !bytes.Equal(got, kek) {
						t.Errorf("side by side: %q, %v", got, err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	awsEnv(t)
	for name, c := range map[string]struct{ uri, want string }{
		"nothing":                     {"", "want file:PATH, hcvault://"},
		"a path":                      {"/etc/root.json", "no scheme"},
		"another service":             {"gcp-kms://projects/x", `unknown scheme "gcp-kms": want file:PATH`},
		"a password for a scheme":     {"s3cret!://x", "no scheme"},
		"a file without a name":       {"file:", "no name"},
		"a file on a host":            {"file://host/root.json", "no host"},
		"a user":                      {"hcvault://me:s3cret@vault.example.com/transit/keys/crm", "VAULT_TOKEN"},
		"a token for a user":          {"hcvault://s3cret@vault.example.com/transit/keys/crm", "VAULT_TOKEN"},
		"a token in the query":        {"hcvault://vault.example.com/transit/keys/crm?token=s3cret", "VAULT_TOKEN"},
		"a token in the fragment":     {"hcvault://vault.example.com/transit/keys/crm#s3cret", "VAULT_TOKEN"},
		"a broken password":           {"hcvault://me:s3cret%@vault.example.com/transit/keys/crm", "cannot be parsed"},
		"no host":                     {"hcvault:///transit/keys/crm", "names no key"},
		"no key":                      {"hcvault://vault.example.com/transit", "names no key"},
		"no engine":                   {"hcvault://vault.example.com/keys/crm", "names no key"},
		"a way out of the engine":     {"hcvault://vault.example.com/transit/../sys/keys/crm", "names no key"},
		"a way out, escaped":          {"hcvault://vault.example.com/transit/%2e%2e/keys/crm", "names no key"},
		"a key with a slash":          {"hcvault://vault.example.com/transit/keys/a%2fb", "names no key"},
		"http to another machine":     {"hcvault+http://vault.example.com/transit/keys/crm", "use hcvault://"},
		"http to another address":     {"hcvault+http://192.0.2.1:8200/transit/keys/crm", "use hcvault://"},
		"http to a name like ours":    {"hcvault+http://localhost.example.com/transit/keys/crm", "use hcvault://"},
		"an id instead of an ARN":     {"aws-kms://1234abcd-12ab-34cd-56ef-1234567890ab", "names no key of AWS KMS"},
		"an ARN of another service":   {"aws-kms://arn:aws:s3:::bucket", "names no key of AWS KMS"},
		"an ARN alone":                {"arn:aws:kms:eu-central-1:111122223333:key/crm", "unknown scheme"},
		"an ARN with a secret behind": {"aws-kms://arn:aws:kms:eu-central-1:111122223333:key/crm?secret=s3cret", "names no key of AWS KMS"},
	} {
		root, err := Open(c.uri)
		if err == nil || !strings.Contains(err.Error(), c.want) || root != nil {
			t.Errorf("%s: %v, %v, want %q", name, root, err, c.want)
			continue
		}
		clean(t, err)
	}
}

// TestOpenAsksNobody: the house opens before the service is asked, and help and version need neither.
func TestOpenAsksNobody(t *testing.T) {
	awsEnv(t)
	for _, uri := range []string{
		"hcvault://vault.example.com/transit/keys/crm", "hcvault://vault.example.com:8200/team/transit/keys/crm.v2", "hcvault+http://[::1]:8200/transit/keys/crm",
		"aws-kms://arn:aws:kms:eu-central-1:111122223333:alias/crm", "aws-kms://arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1",
	} {
		if root := mustOpen(t, uri); root.String() != uri {
			t.Errorf("%s became %s", uri, root)
		}
	}
}

// TestServiceThatDoesNotAnswer: nobody listens, nobody answers, nobody is patient.
func TestServiceThatDoesNotAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	hanging := serve(t, false, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice when the client gives up
		<-r.Context().Done()
	})).Listener.Addr().String()
	awsEnv(t)
	const patience = 200 * time.Millisecond
	for name, open := range map[string]func(t *testing.T, addr string) (Root, error){
		"vault": func(_ *testing.T, addr string) (Root, error) {
			return open("hcvault+http://"+addr+"/transit/keys/crm", patience)
		},
		"aws": func(t *testing.T, addr string) (Root, error) {
			t.Setenv("AWS_ENDPOINT_URL_KMS", "http://"+addr)
			return open(awsPrefix+arnPrefix+"crm", patience)
		},
	} {
		for where, addr := range map[string]string{"closed": closed, "hanging": hanging} {
			t.Run(name+"/"+where, func(t *testing.T) {
				root, err := open(t, addr)
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				_, wrapErr := root.Wrap(t.Context(), kek, ad)
				_, unwrapErr := root.Unwrap(t.Context(), []byte("vault:v1:eA=="), ad)
				if d := time.Since(begin); d > 10*patience {
					t.Errorf("took %s", d)
				}
				for _, err := range []error{wrapErr, unwrapErr} {
					if !errors.Is(err, ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) != (where == "hanging") {
						t.Error(err)
					}
					clean(t, err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(20*time.Millisecond, cancel)
				if _, err := root.Wrap(ctx, kek, ad); where == "hanging" && !errors.Is(err, context.Canceled) {
					t.Errorf("given up: %v", err)
				}
			})
		}
	}
}

func mustOpen(t *testing.T, uri string) Root {
	t.Helper()
	root, err := Open(uri)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func mustWrap(t *testing.T, root Root) []byte {
	t.Helper()
	wrapped, err := root.Wrap(t.Context(), kek, ad)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func mustUnwrap(t *testing.T, root Root, wrapped []byte) {
	t.Helper()
	if got, err := root.Unwrap(t.Context(), wrapped, ad); err != nil || !bytes.Equal(got, kek) {
		t.Fatalf("unwrap: %q, %v", got, err)
	}
}

// clean fails if an error holds what no log may.
func clean(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{string(kek), "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "s3cret", "t0ken", "what the service says"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
}
