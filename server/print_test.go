package server

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite what derives from the code in docs")

func gather(t *testing.T, environ []string, args ...string) (map[string]Value, error) {
	t.Helper()
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	Flags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	g, err := Gather(f, environ)
	out := map[string]Value{}
	for _, v := range g.Values() {
		out[v.Name] = v
	}
	if len(out) != len(settings) {
		t.Errorf("%d of %d settings are told", len(out), len(settings))
	}
	return out, err
}

func TestValuesSayWhereTheyComeFrom(t *testing.T) {
	file := write(t, "timeout: 1m\nlimits: {body: 2048}\n")
	secret := write(t, "postgres://u:p@h/d")
	got, err := gather(t, []string{"CLOAKROOM_CONFIG=" + file, "CLOAKROOM_LOG=json", "CLOAKROOM_DATABASE_FILE=" + secret}, "--demo", "--timeout", "2m")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Value{
		"timeout":     {"timeout", "2m0s", "", "--timeout", false},
		"demo":        {"demo", "true", "", "--demo", false},
		"log":         {"log", "json", "", "CLOAKROOM_LOG", false},
		"limits.body": {"limits.body", "2KiB", "", file + ": limits.body", false},
		"database":    {"database", "postgres://[withheld]", "", "CLOAKROOM_DATABASE_FILE", true},
		"documents":   {"documents", "auto", "open", "default", false},
		"shutdown":    {"shutdown", "10s", "", "default", false},
	} {
		if got[name] != want {
			t.Errorf("%s: %+v, want %+v", name, got[name], want)
		}
	}
}

// TestSecretsAreNeverPrinted tries every setting with what may hold a password.
func TestSecretsAreNeverPrinted(t *testing.T) {
	for _, value := range []string{"postgres://u:s3cret@h/d", "postgres://h/d?password=s3cret", "redis://:s3cret@h", "rediss://s3cret", "hcvault://s3cret@h/k", "s3cret",
		"sqlite:a?key=s3cret", "file:u:s3cret@h", "https://u:s3cret@h/", "sqlite://u:s3cret@h/d"} {
		for _, s := range settings {
			got, err := gather(t, []string{variable(s.name) + "=" + value})
			if !s.secret && err == nil {
				continue // it is what its form says, and that is no secret
			}
			if text := fmt.Sprintf("%+v %v", got, err); strings.Contains(text, "s3cret") {
				t.Errorf("%s=%s is printed: %+v %v", s.name, value, got[s.name], err)
			}
		}
	}
	got, _ := gather(t, nil, "--database", "sqlite:/var/lib/crm.db", "--keys.root", "file:/etc/root.json")
	if got["database"].Value != "sqlite:/var/lib/crm.db" || got["keys.root"].Value != "file:/etc/root.json" {
		t.Errorf("a path is no secret: %+v %+v", got["database"], got["keys.root"])
	}
}

func TestSchemaNamesEverySetting(t *testing.T) {
	properties := Schema()["properties"].(map[string]any)
	for _, s := range settings {
		p, ok := properties[s.name].(map[string]any)
		if !ok || p["description"] != s.usage {
			t.Errorf("%s: %v", s.name, p)
		}
		if group, rest := s.group(); group != "" {
			nested := properties[group].(map[string]any)["properties"].(map[string]any)
			if nested[rest] == nil || s.secret && nested[rest+FileSuffix] == nil {
				t.Errorf("%s is not in its group", s.name)
			}
		}
		if _, ok := properties[s.name+FileSuffix]; ok != s.secret {
			t.Errorf("%s: a file is offered: %t", s.name, ok)
		}
	}
}

// TestSettingsAreDocumented holds the table in docs/operating.md to the table here; -update writes it.
func TestSettingsAreDocumented(t *testing.T) {
	const path, begin, end = "../docs/operating.md", "<!-- settings: written by go test ./server -update -->\n", "<!-- /settings -->"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the settings", path)
	}
	var b strings.Builder
	b.WriteString("| setting | default | |\n|---|---|---|\n")
	for _, s := range settings {
		fallback, name := "", "`"+s.name+"`"
		if s.fallback != "" {
			fallback = "`" + s.fallback + "`"
		}
		if s.secret {
			name += " 🔒"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, fallback, s.usage)
	}
	if table == b.String() {
		return
	}
	if !*update {
		t.Fatalf("%s tells of other settings than there are: go test ./server -update", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
