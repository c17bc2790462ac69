package server

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func load(t *testing.T, environ []string, args ...string) (Config, error) {
	t.Helper()
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	Flags(f)
	f.String("another", "", "a flag of the command that is no setting")
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Load(f, environ)
}

func TestDefaultsAreValid(t *testing.T) {
	c, err := load(t, nil)
	if err != nil || !reflect.DeepEqual(c, Default()) {
		t.Fatalf("%+v %v", c, err)
	}
}

func TestFlagsOverEnvironmentOverFileOverDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloakroom.yaml")
	if err := os.WriteFile(path, []byte("listen: 127.0.0.1:1\ndata: /file\ntimeout: 1m\ndemo: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"CLOAKROOM_CONFIG=" + path, "CLOAKROOM_LISTEN=127.0.0.1:2", "CLOAKROOM_LIMITS_BODY=2048", "CLOAKROOM_TEST_POSTGRES=x", "OTHER=y"}
	c, err := load(t, environ, "--listen", "127.0.0.1:3", "--another", "z")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listen, want.Data, want.Timeout, want.Demo, want.Limits.Body = "127.0.0.1:3", "/file", time.Minute, true, 2048
	if !reflect.DeepEqual(c, want) {
		t.Fatalf("got  %+v\nwant %+v", c, want)
	}
	if c, err := load(t, environ, "--limits.body", "4KiB", "--demo=false"); err != nil || c.Listen != "127.0.0.1:2" || c.Limits.Body != 4096 || c.Demo {
		t.Fatalf("%+v %v", c, err)
	}
}

func TestKeysAreNamedInFlagsEnvironmentAndFile(t *testing.T) {
	for name, text := range map[string]string{
		"nested": "keys:\n  dsn: sqlite:/file/keys.db\n  root: file:/file/root.json\n  ledger: sqlite:/file/erasures.db\n",
		"dotted": "keys.dsn: sqlite:/file/keys.db\nkeys.root: file:/file/root.json\nkeys.ledger: sqlite:/file/erasures.db\n",
	} {
		path := filepath.Join(t.TempDir(), "cloakroom.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		environ := []string{"CLOAKROOM_CONFIG=" + path, "CLOAKROOM_KEYS_ROOT=file:/env/root.json", "CLOAKROOM_KEYS_LEDGER=sqlite:/env/erasures.db"}
		c, err := load(t, environ, "--keys.ledger", "postgres://ledger/erasures")
		want := Keys{DSN: "sqlite:/file/keys.db", Root: "file:/env/root.json", Ledger: "postgres://ledger/erasures"}
		if err != nil || c.Keys != want {
			t.Errorf("%s: %+v %v", name, c.Keys, err)
		}
	}
}

func TestPlacesOfKeysThatAreNone(t *testing.T) {
	for setting, values := range map[string][]string{
		"keys.dsn":    {"keys.db", "sqlite:", "sqlite://", "mysql://u:s3cret@h/d", "s3cret"},
		"keys.ledger": {"file:erasures.db", "redis://u:s3cret@h"},
		"keys.root":   {"root-key.json", "file:", "s3cret", "hcvault://u:s3cret@h/transit/keys/x", "gcp-kms://s3cret", "aws-kms://s3cret"},
	} {
		for _, value := range values {
			_, err := load(t, nil, "--"+setting, value)
			if err == nil || !strings.HasPrefix(err.Error(), setting+": ") || !strings.Contains(err.Error(), "want ") && !strings.Contains(err.Error(), "write ") && !strings.Contains(err.Error(), "put ") {
				t.Errorf("%s %s: %v", setting, value, err)
			} else if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s %s is repeated: %v", setting, value, err)
			}
		}
	}
	if _, err := load(t, nil, "--keys.dsn", "sqlite://keys.db", "--keys.root", "file:///etc/root.json", "--keys.ledger", "postgresql://h/d"); err != nil {
		t.Error(err)
	}
}

func TestAMisspeltSettingIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloakroom.yaml")
	if err := os.WriteFile(path, []byte("liste: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, nil, "--config", path); err == nil || !strings.Contains(err.Error(), `"liste"`) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("keys:\n  dns: sqlite:keys.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, nil, "--config", path); err == nil || !strings.Contains(err.Error(), `"keys.dns"`) {
		t.Fatal(err)
	}
	if _, err := load(t, nil, "--config", path+".missing"); err == nil {
		t.Fatal("a missing file is passed over")
	}
}

func TestValidateReportsEverything(t *testing.T) {
	_, err := load(t, []string{"CLOAKROOM_LOG=xml", "CLOAKROOM_LOG_LEVEL=chatty"},
		"--listen", "0.0.0.0:80", "--data", "", "--identity", "kratos", "--limits.body", "0", "--timeout", "0s", "--shutdown", "-1s")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, setting := range []string{"data: ", "kratos.url: ", "limits.body: ", "timeout: ", "shutdown: ", "log: ", "log-level: "} {
		if !strings.Contains("\n"+err.Error(), "\n"+setting) {
			t.Errorf("%s is not reported:\n%v", setting, err)
		}
	}
}

func TestTheDevelopmentIdentityListensOnLoopbackOnly(t *testing.T) {
	for listen, good := range map[string]bool{
		"127.0.0.1:8080": true, "127.0.0.2:0": true, "[::1]:8080": true, "localhost:8080": true,
		"0.0.0.0:8080": false, ":8080": false, "[::]:8080": false, "192.168.0.1:8080": false, "crm.example:8080": false,
		"127.0.0.1": false, "127.0.0.1:": false, "8080": false,
	} {
		_, err := load(t, nil, "--listen", listen)
		if (err == nil) != good {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

func TestDatabaseURL(t *testing.T) {
	c := Default()
	if got := c.DatabaseURL(); got != "sqlite:data/cloakroom.db" {
		t.Error(got)
	}
	c.Database = "postgres://db/crm"
	if got := c.DatabaseURL(); got != c.Database {
		t.Error(got)
	}
}
