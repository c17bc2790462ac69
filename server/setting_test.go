package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestTheTableIsWhole holds the table to the structure it fills: every field once, every name once.
func TestTheTableIsWhole(t *testing.T) {
	var c Config
	fields := map[any]string{}
	names := map[string]bool{}
	for _, s := range settings {
		p := s.field(&c)
		if other, twice := fields[p]; twice {
			t.Errorf("%s and %s are one field", s.name, other)
		}
		fields[p] = s.name
		keys := []string{s.name}
		if s.secret {
			keys = append(keys, s.name+FileSuffix)
		}
		for _, key := range keys {
			if names[variable(key)] {
				t.Errorf("%s has the variable of another setting", key)
			}
			names[variable(key)] = true
		}
		if s.usage == "" || s.form.schema == nil || s.form.word == "" {
			t.Errorf("%s does not say what it is", s.name)
		}
		if _, err := json.Marshal(s.form.schema); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	var leaves func(v reflect.Value)
	leaves = func(v reflect.Value) {
		if v.Kind() == reflect.Struct {
			for i := range v.NumField() {
				leaves(v.Field(i))
			}
			return
		}
		if _, ok := fields[v.Addr().Interface()]; !ok {
			t.Errorf("a field of type %s has no setting", v.Type())
		}
	}
	leaves(reflect.ValueOf(&c).Elem())
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretsLieInFilesOfTheirOwn(t *testing.T) {
	secret := write(t, "redis://:s3cret@redis:6379/0\n")
	other := write(t, "postgres://u:s3cret@db/crm")
	c, err := load(t, []string{"CLOAKROOM_REDIS_FILE=" + secret, "CLOAKROOM_CONFIG=" + write(t, "keys:\n  dsn-file: "+other+"\nredis: redis://elsewhere\n")}, "--database-file", other)
	if err != nil || c.Redis != "redis://:s3cret@redis:6379/0" || c.Keys.DSN != "postgres://u:s3cret@db/crm" || c.Database != c.Keys.DSN {
		t.Errorf("%v", err)
	}
	for name, environ := range map[string][]string{
		"redis: set it once":            {"CLOAKROOM_REDIS=redis://h", "CLOAKROOM_REDIS_FILE=" + secret},
		"redis: cannot open":            {"CLOAKROOM_REDIS_FILE=" + secret + ".missing"},
		"redis: name the file":          {"CLOAKROOM_REDIS_FILE="},
		"redis: want redis://":          {"CLOAKROOM_REDIS_FILE=" + other},
		"is empty":                      {"CLOAKROOM_REDIS_FILE=" + write(t, "\n")},
		"holds more than one line":      {"CLOAKROOM_REDIS_FILE=" + write(t, "redis://s3cret\nredis://s3cret\n")},
		"keys.root: the URI has no ":    {"CLOAKROOM_KEYS_ROOT_FILE=" + write(t, "s3cret")},
		"there is no setting \"redis-f": {"CLOAKROOM_CONFIG=" + write(t, "redis-fil: x\n")},
	} {
		_, err := load(t, environ)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("want %s: %v", name, err)
		}
	}
}

// TestNothingWrongIsRepeated: whoever mistypes may have put a password into the wrong place.
func TestNothingWrongIsRepeated(t *testing.T) {
	for _, s := range settings {
		for _, value := range []string{"s3cret", "http://u:s3cret@h/#x", "x://s3cret:y", "s3cret=1,s3cret=1", "-s3cret:999999"} {
			_, err := load(t, []string{variable(s.name) + "=" + value})
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s is repeated: %v", s.name, err)
			}
		}
	}
	for _, text := range []string{"s3cret", "redis: [s3cret", "redis: {a: s3cret}", "redis:\n - s3cret\n", "- s3cret", "s3cret: x\n\ts3cret"} {
		_, err := load(t, []string{"CLOAKROOM_CONFIG=" + write(t, text)})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestValuesOfTheFile(t *testing.T) {
	for name, text := range map[string]string{
		"nested": "origins:\n  - https://a.example\n  - https://b.example:8443\nlimits:\n  body: 1024\n  roles:\n    SALES_REP: 7\n    ADMIN: 9\ndemo: true\nkratos: {cache: 0s}\n",
		"dotted": "origins: https://a.example, https://b.example:8443\nlimits.body: 1KiB\nlimits.roles: SALES_REP=7,ADMIN=9\ndemo: yes\nkratos.cache: 0\n",
	} {
		c, err := load(t, []string{"CLOAKROOM_CONFIG=" + write(t, text)})
		want := Default()
		want.Origins, want.Limits.Body, want.Limits.Roles, want.Demo, want.Kratos.Cache = []string{"https://a.example", "https://b.example:8443"}, 1024, map[string]int{"SALES_REP": 7, "ADMIN": 9}, true, 0
		if name == "dotted" { // YAML 1.2 has no yes
			if err == nil || !strings.Contains(err.Error(), "demo: want true or false") {
				t.Errorf("%s: %v", name, err)
			}
			want.Demo = false
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(c, want) {
			t.Errorf("%s:\n%+v\n%+v", name, c, want)
		}
	}
}

func TestSettingsThatDoNotFitEachOther(t *testing.T) {
	for wrong, args := range map[string][]string{
		"kratos.url: ":    {"--identity", "kratos"},
		"oidc.audience: ": {"--oidc.issuer", "https://id.example"},
		"oidc.jwks: ":     {"--oidc.jwks", "http://id.example/keys"},
		"admin: ":         {"--admin", "127.0.0.1:8080"},
		"public-url: ":    {"--public-url", "http://crm.example"},
		"kratos.cache: ":  {"--kratos.cache", "61s"},
		"kratos.login: ":  {"--kratos.login", "https://u:p@id.example"},
		"limits.roles: ":  {"--limits.roles", "A=1,A=2"},
		"origins: ":       {"--origins", "https://a.example/path"},
	} {
		if _, err := load(t, nil, args...); err == nil || !strings.HasPrefix(err.Error(), wrong) {
			t.Errorf("%s: %v", args, err)
		}
	}
	c, err := load(t, nil, "--identity", "kratos", "--kratos.url", "http://kratos:4433", "--listen", ":8080", "--admin", "")
	if err != nil || c.LoginURL() != "http://kratos:4433/self-service/login/browser" || c.DocumentMode() != "enforce" || c.ShowsGraphiQL() || c.Limits.BurstPoints() != c.Limits.Rate {
		t.Errorf("%+v %v", c, err)
	}
	if d := Default(); d.DocumentMode() != "open" || !d.ShowsGraphiQL() || d.Origin() != "http://127.0.0.1:8080" || d.LoginURL() != "" {
		t.Errorf("%+v", d)
	}
}
