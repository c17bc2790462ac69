package rootkey

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

func TestFileRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  error
		text  string
	}{
		"missing":            {func(t *testing.T, path string) { must(t, os.Remove(path)) }, ErrMissing, "backup; without it sealed data cannot be read"},
		"open to the group":  {func(t *testing.T, path string) { must(t, os.Chmod(path, 0o640)) }, ErrExposed, "mode 0640: run chmod 600 "},
		"open to everybody":  {func(t *testing.T, path string) { must(t, os.Chmod(path, 0o604)) }, ErrExposed, "run chmod 600 "},
		"writable by others": {func(t *testing.T, path string) { must(t, os.Chmod(path, 0o602)) }, ErrExposed, "run chmod 600 "},
		"a directory": {func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		}, ErrUnfit, "not a regular file"},
		"a link": {func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".real"))
			must(t, os.Symlink(path+".real", path))
		}, ErrUnfit, "name the file itself"},
		"a link to nothing": {func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Symlink(path+".none", path))
		}, ErrUnfit, "name the file itself"},
		"empty":            {put(""), ErrDamaged, "backup"},
		"not JSON":         {put("s3cret"), ErrDamaged, "backup"},
		"other JSON":       {put(`{"s3cret":1}`), ErrDamaged, "backup"},
		"no keys":          {put(`{"primaryKeyId":1,"key":[]}`), ErrDamaged, "backup"},
		"a damaged key":    {damage(`"value":"`, `"value":"s3cret!`), ErrDamaged, "backup"},
		"a shortened key":  {damage(`"value":"Gi`, `"value":"GA`), ErrDamaged, "backup"},
		"cut off":          {func(t *testing.T, path string) { must(t, os.Truncate(path, 100)) }, ErrDamaged, "backup"},
		"huge":             {func(t *testing.T, path string) { must(t, os.Truncate(path, maxKeyset+1)) }, ErrDamaged, "more than any keyset"},
		"keys too short":   {putKey(aead.AES128GCMKeyTemplate()), ErrUnfit, "AES256_GCM"},
		"keys for MACs":    {putKey(mac.HMACSHA256Tag256KeyTemplate()), ErrUnfit, "AES256_GCM"},
		"another cipher":   {putKey(aead.XChaCha20Poly1305KeyTemplate()), ErrUnfit, "AES256_GCM"},
		"no key but a URI": {put(`{"primaryKeyId":1,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.KmsAeadKey","value":"EgVmYWtlOg==","keyMaterialType":"REMOTE"},"status":"ENABLED","keyId":1,"outputPrefixType":"TINK"}]}`), ErrUnfit, "AES256_GCM"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newFile(t)
			root := mustOpen(t, "file:"+path)
			wrapped := mustWrap(t, root)
			c.spoil(t, path)
			_, openErr := Open("file:" + path)
			_, wrapErr := root.Wrap(t.Context(), kek, ad)
			_, unwrapErr := root.Unwrap(t.Context(), wrapped, ad)
			for what, err := range map[string]error{"open": openErr, "wrap": wrapErr, "unwrap": unwrapErr, "rotate": Rotate(path), "retire": retireAll(path)} {
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "file:"+path) {
					t.Errorf("%s: %v, want %v with %q", what, err, c.want, c.text)
					continue
				}
				clean(t, err)
			}
			if _, err := os.Lstat(path); name == "missing" && !errors.Is(err, os.ErrNotExist) {
				t.Error("opening made a file")
			}
		})
	}
}

func TestFileURI(t *testing.T) {
	path := newFile(t)
	for _, uri := range []string{"file:" + path, "file://" + path} {
		if got := mustOpen(t, uri).String(); got != "file:"+path {
			t.Errorf("%s became %s", uri, got)
		}
	}
	t.Chdir(filepath.Dir(path))
	mustOpen(t, "file:"+filepath.Base(path))
}

func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.json")
	must(t, CreateFile(path))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte(text), 0o600)) }
}

func damage(from, to string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		data, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Contains(data, []byte(from)) {
			t.Fatalf("the keyset does not hold %s", from)
		}
		put(strings.Replace(string(data), from, to, 1))(t, path)
	}
}

func putKey(template *tinkpb.KeyTemplate) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		h, err := keyset.NewHandle(template)
		must(t, err)
		var buf bytes.Buffer
		must(t, insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&buf)))
		put(buf.String())(t, path)
	}
}
