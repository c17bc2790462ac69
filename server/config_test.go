package server

import (
	"os"
	"path/filepath"
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
	if err != nil || c != Default() {
		t.Fatalf("%+v %v", c, err)
	}
}

func TestFlagsOverEnvironmentOverFileOverDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloakroom.yaml")
	if err := os.WriteFile(path, []byte("listen: 127.0.0.1:1\ndata: /file\ntimeout: 1m\ndemo: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"CLOAKROOM_CONFIG=" + path, "CLOAKROOM_LISTEN=127.0.0.1:2", "CLOAKROOM_MAX_BODY=2048", "CLOAKROOM_TEST_POSTGRES=x", "OTHER=y"}
	c, err := load(t, environ, "--listen", "127.0.0.1:3", "--another", "z")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listen, want.Data, want.Timeout, want.Demo, want.MaxBody = "127.0.0.1:3", "/file", time.Minute, true, 2048
	if c != want {
		t.Fatalf("got  %+v\nwant %+v", c, want)
	}
	if c, err := load(t, environ, "--max-body", "4096", "--demo=false"); err != nil || c.Listen != "127.0.0.1:2" || c.MaxBody != 4096 || c.Demo {
		t.Fatalf("%+v %v", c, err)
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
	if _, err := load(t, nil, "--config", path+".missing"); err == nil {
		t.Fatal("a missing file is passed over")
	}
}

func TestValidateReportsEverything(t *testing.T) {
	_, err := load(t, []string{"CLOAKROOM_LOG=xml", "CLOAKROOM_LOG_LEVEL=chatty"},
		"--listen", "0.0.0.0:80", "--data", "", "--identity", "kratos", "--max-body", "0", "--timeout", "0s", "--shutdown", "-1s")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, setting := range []string{"data: ", "identity: ", "max-body: ", "timeout: ", "shutdown: ", "log: ", "log-level: "} {
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
