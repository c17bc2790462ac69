package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/cloakroom-crm/cloakroom/e2e/ory"
	"github.com/cloakroom-crm/cloakroom/e2e/process"
	"github.com/cloakroom-crm/cloakroom/e2e/stack"
	"github.com/cloakroom-crm/cloakroom/server"
)

// composition is what the tests look at of compose.yaml.
type composition struct {
	Services map[string]struct {
		Image       string
		Build       any
		Environment map[string]string
		Secrets     []string
		Ports       []string
		Volumes     []string
		Networks    []string
		Restart     string
		Healthcheck *struct{ Test any }
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	}
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]any
	Secrets  map[string]struct{ File string }
}

// TestComposeSaysWhatWeKnow reads compose.yaml as its reader would: containers are not started here.
func TestComposeSaysWhatWeKnow(t *testing.T) {
	root := moduleRoot(t)
	text, err := os.ReadFile(filepath.Join(root, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range complainAbout(string(text), root) {
		t.Error(complaint)
	}
	// Seen failing: each of these is somebody's mistake.
	for name, c := range map[string]struct{ old, new, want string }{
		"a port for everybody":     {"127.0.0.1:8080:8080", "8080:8080", "reachable from outside"},
		"a database for everybody": {"  redis:\n    image", "  redis:\n    ports: [\"6379:6379\"]\n    image", "reachable from outside"},
		"an unknown setting":       {"CLOAKROOM_PUBLIC_URL: ", "CLOAKROOM_PUBLIC_URI: ", "no setting"},
		"a password in the open":   {"CLOAKROOM_REDIS_FILE: /run/secrets/redis_url", "CLOAKROOM_REDIS: redis://x", "secret"},
		"a secret nobody has":      {"secrets: [database_url, redis_url]", "secrets: [database_url]", "redis_url"},
		"any version":              {"redis:7.4.1-bookworm", "redis:latest", "version"},
		"a volume nobody has":      {"- data:/data", "- dat:/data", "volume dat"},
	} {
		broken := strings.Replace(string(text), c.old, c.new, 1)
		if broken == string(text) {
			t.Errorf("%s: %q is not there", name, c.old)
		}
		if got := strings.Join(complainAbout(broken, root), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s is not noticed, only: %s", name, got)
		}
	}
}

var pinned = regexp.MustCompile(`:v?\d+\.\d+(\.\d+)?(-[a-z0-9]+)?$`)

func complainAbout(text, root string) (out []string) {
	complain := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	var c composition
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return []string{err.Error()}
	}
	variables := known()
	for name, s := range c.Services {
		if s.Build == nil && !pinned.MatchString(s.Image) {
			complain("%s: %q names no version", name, s.Image)
		}
		if s.Healthcheck == nil && s.Restart != "no" {
			complain("%s has no health check", name)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				complain("%s: %s is reachable from outside", name, p)
			}
		}
		for key, value := range s.Environment {
			if secret, ok := variables[key]; strings.HasPrefix(key, "CLOAKROOM_") && !ok {
				complain("%s: there is no setting for %s", name, key)
			} else if secret {
				complain("%s: %s is a secret, name a file of it", name, key)
			}
			if file, ok := strings.CutPrefix(value, "/run/secrets/"); ok && !slices.Contains(s.Secrets, file) {
				complain("%s: %s is not among its secrets", name, file)
			}
		}
		for _, secret := range s.Secrets {
			if _, ok := c.Secrets[secret]; !ok {
				complain("%s: there is no secret %s", name, secret)
			}
		}
		for _, n := range s.Networks {
			if _, ok := c.Networks[n]; !ok {
				complain("%s: there is no network %s", name, n)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if path, ok := strings.CutPrefix(from, "./"); ok {
				if _, err := os.Stat(filepath.Join(root, path)); err != nil {
					complain("%s: %v", name, err)
				}
			} else if _, ok := c.Volumes[from]; !ok {
				complain("%s: there is no volume %s", name, from)
			}
		}
		for other := range s.DependsOn {
			if _, ok := c.Services[other]; !ok {
				complain("%s: there is no service %s", name, other)
			}
		}
	}
	for name, s := range c.Secrets {
		if !strings.HasPrefix(s.File, "./deploy/secrets/") {
			complain("secret %s lies at %s", name, s.File)
		}
	}
	if !c.Networks["inside"].Internal {
		complain("the inner network reaches the internet")
	}
	return out
}

// known are the variables of all settings, and whether they hold a secret that has no business in a file such as this.
func known() map[string]bool {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	server.Flags(flags)
	all := map[string]bool{}
	flags.VisitAll(func(f *pflag.Flag) { all[stack.Variable(f.Name)] = false })
	for name := range all {
		if _, ok := all[name+"_FILE"]; ok {
			all[name] = true
		}
	}
	return all
}

// TestTheImageRunsAsNobody reads the Dockerfile: no image is built here.
func TestTheImageRunsAsNobody(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	stages := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1)
	if len(stages) < 2 {
		t.Error("one stage: the compiler would be in the image")
	}
	for _, s := range stages {
		if !pinned.MatchString(s[1]) && s[1] != "scratch" {
			t.Errorf("%s names no version", s[1])
		}
	}
	last := string(text)[strings.LastIndex(string(text), "\nFROM "):]
	for _, want := range []string{"\nUSER 65532:65532\n", "\nHEALTHCHECK ", "\nENTRYPOINT [\"/cloakroom\"]\n"} {
		if !strings.Contains(last, want) {
			t.Errorf("the last stage has no %q", strings.TrimSpace(want))
		}
	}
}

// TestKratosTakesOurConfiguration starts the real one with the file that compose.yaml mounts, but for where things lie.
func TestKratosTakesOurConfiguration(t *testing.T) {
	ory.Need(t)
	binary, err := ory.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ports, err := process.Ports(2)
	if err != nil {
		t.Fatal(err)
	}
	dir, deploy := t.TempDir(), filepath.Join(moduleRoot(t), "deploy", "kratos")
	text, err := os.ReadFile(filepath.Join(deploy, "kratos.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), "file:///etc/kratos/", "file://"+deploy+"/"))
	here := fmt.Sprintf(`
dsn: memory
serve: {public: {host: 127.0.0.1, port: %d}, admin: {host: 127.0.0.1, port: %d}}
secrets: {cookie: [made-up-cookie-secret-of-32-bytes], cipher: [made-up-cipher-secret-32-bytes!!]}
courier: {smtp: {connection_uri: "smtp://mail:1025/?disable_starttls=true"}}
`, ports[0], ports[1])
	ours, rest := filepath.Join(dir, "kratos.yaml"), filepath.Join(dir, "kratos_secrets.yaml")
	if err := errors.Join(os.WriteFile(ours, text, 0o600), os.WriteFile(rest, []byte(here), 0o600)); err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(process.Command{Path: binary, Dir: dir, Env: []string{"SQA_OPT_OUT=true"}, Args: []string{"serve", "-c", ours, "-c", rest}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop(15, 20*time.Second) })
	if err := p.Await(30*time.Second, func() error {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/health/ready", ports[0]))
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
