package rootkey

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckLooksAtTheTextAlone(t *testing.T) {
	missing := "file:" + filepath.Join(t.TempDir(), "missing.json")
	for uri, want := range map[string]string{
		missing:               "",
		"file:///etc/root":    "",
		"file:root-key.json":  "",
		"file://host/root":    "no host",
		"file:":               "no name",
		"":                    "no scheme",
		"root-key.json":       "no scheme",
		"s3cret:x":            `unknown scheme "s3cret"`,
		"S3cret!:x":           "no scheme",
		"gcp-kms://projects/": "unknown scheme",
		"hcvault://vault.example.com:8200/transit/keys/crm":                                        "",
		"hcvault+http://127.0.0.1:8100/transit/keys/crm":                                           "",
		"hcvault+http://vault.example.com/transit/keys/crm":                                        "http shows the keys",
		"hcvault://u:s3cret@vault.example.com/transit/keys/x":                                      "VAULT_TOKEN",
		"hcvault://vault.example.com/transit/crm":                                                  "names no key",
		"aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab": "",
		"aws-kms://eu-central-1":                                                                   "names no key",
	} {
		err := Check(uri)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", uri, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), ":s3cret") {
			t.Errorf("%s: %v, want %s", uri, err, want)
		}
	}
}
