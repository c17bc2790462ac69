package rootkey

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func TestAWSRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*testing.T, *kmsFake)
		wrap  error // nil: not asked
		want  error // of Unwrap
		text  string
	}{
		"no right":             {fails("AccessDeniedException"), ErrUnreachable, ErrUnreachable, "kms:Decrypt"},
		"no right to decrypt":  {func(_ *testing.T, k *kmsFake) { k.fail["Decrypt"] = "AccessDeniedException" }, ErrUnreachable, ErrUnreachable, "kms:Decrypt"},
		"a key that is gone":   {func(_ *testing.T, k *kmsFake) { clear(k.keys) }, ErrMissing, ErrMissing, "mend the ARN"},
		"a key that is not it": {func(_ *testing.T, k *kmsFake) { k.keys[arnPrefix+"crm"] = gcm() }, nil, ErrWrongKey, "InvalidCiphertextException, request 0123"},
		"disabled":             {fails("DisabledException"), ErrUnreachable, ErrUnreachable, "enable it"},
		"about to be deleted":  {fails("KMSInvalidStateException"), ErrUnreachable, ErrUnreachable, "cancel the deletion"},
		"a key for signatures": {fails("InvalidKeyUsageException"), ErrUnfit, ErrUnfit, "symmetric"},
		"credentials ran out":  {fails("ExpiredTokenException"), ErrUnreachable, ErrUnreachable, "credentials"},
		"too many requests":    {fails("ThrottlingException"), ErrUnreachable, ErrUnreachable, "ThrottlingException"},
		"a strange code":       {fails("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="), ErrUnreachable, ErrUnreachable, "an unknown code"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKMS("crm")
			uri := startKMS(t, k, "crm")
			root := mustOpen(t, uri)
			wrapped := mustWrap(t, root)
			c.spoil(t, k)
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

func fails(code string) func(*testing.T, *kmsFake) {
	return func(_ *testing.T, k *kmsFake) { k.fail["Encrypt"], k.fail["Decrypt"] = code, code }
}

// TestAWSRequest: what goes over the wire is what a policy on the key can ask for.
func TestAWSRequest(t *testing.T) {
	k := newKMS("crm")
	mustWrap(t, mustOpen(t, startKMS(t, k, "crm")))
	if len(k.contexts) != 2 {
		t.Fatalf("%d requests, want one to encrypt and one to read back", len(k.contexts))
	}
	for i, c := range k.contexts {
		if want := hex.EncodeToString(ad); len(c) != 1 || c["associatedData"] != want {
			t.Errorf("encryption context %v, want associatedData %s", c, want)
		}
		if a := k.auth[i]; !strings.HasPrefix(a, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(a, "/eu-central-1/kms/aws4_request") {
			t.Errorf("signed as %s", a)
		}
	}
}

func TestAWSEndpoint(t *testing.T) {
	awsEnv(t)
	for endpoint, ok := range map[string]bool{
		"https://kms.example.com": true, "http://127.0.0.1:4566": true, "http://localhost:4566": true,
		"http://kms.example.com": false, "http://192.0.2.1:4566": false, "ftp://127.0.0.1": false,
	} {
		t.Setenv("AWS_ENDPOINT_URL_KMS", endpoint)
		if _, err := Open(awsPrefix + arnPrefix + "crm"); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "must be https") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestAWSWithoutCredentials(t *testing.T) {
	k := newKMS("crm")
	uri := startKMS(t, k, "crm")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := mustOpen(t, uri).Wrap(t.Context(), kek, ad); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "AWS_PROFILE") || len(k.auth) > 0 {
		t.Errorf("wrap: %v after %d requests", err, len(k.auth))
	}
}
