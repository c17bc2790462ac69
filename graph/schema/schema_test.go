package schema_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/schema"
)

// compiled is the schema of this directory, or the end of the test.
func compiled(t *testing.T) *ir.Schema {
	t.Helper()
	sources, err := compiler.LoadFS(schema.FS)
	if err != nil {
		t.Fatal(err)
	}
	s, findings := compiler.Compile(sources)
	if len(findings) > 0 {
		var out bytes.Buffer
		if err := compiler.Write(&out, "text", findings, sources, false); err != nil {
			t.Fatal(err)
		}
		t.Fatal(out.String())
	}
	return s
}

func TestSchemaCompiles(t *testing.T) {
	if s := compiled(t); len(s.Entities()) == 0 {
		t.Fatal("the schema has no entities")
	}
}

// What is shown in the API is described: an editor's help and the privacy notice are made from it.
func TestTypesAreDescribed(t *testing.T) {
	s := compiled(t)
	for _, typ := range s.Types {
		if strings.TrimSpace(typ.Desc) == "" {
			t.Errorf("%s: type %s has no description", typ.Pos, typ.Name)
		}
	}
	for _, e := range [][2]string{{"Purpose", "purpose"}, {"Role", "role"}} {
		for _, v := range s.Enum(e[0]).Values {
			if strings.TrimSpace(v.Desc) == "" {
				t.Errorf("%s: %s %s has no description", v.Pos, e[1], v.Name)
			}
		}
	}
}

// demo is demo.yaml by type.
type demo map[string][]map[string]any

func loadDemo(t *testing.T) demo {
	t.Helper()
	text, err := schema.FS.ReadFile("demo.yaml")
	if err != nil {
		t.Skip("there is no demo data")
	}
	var d demo
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Demo data that does not fit the schema would be found at the worst moment: the first start of somebody curious.
func TestDemoFitsTheSchema(t *testing.T) {
	s, d := compiled(t), loadDemo(t)
	keys := map[string]bool{}
	for name, records := range d {
		for _, r := range records {
			key, _ := r["_key"].(string)
			if key == "" || keys[name+"/"+key] {
				t.Errorf("%s: the key %q is empty or taken", name, key)
			}
			keys[name+"/"+key] = true
		}
	}
	for name, records := range d {
		typ := s.Type(name)
		if typ == nil || !typ.Entity {
			t.Errorf("there is no entity %s", name)
			continue
		}
		for _, r := range records {
			at := fmt.Sprintf("%s %s", name, r["_key"])
			for field, v := range r {
				if why := misfit(s, typ, field, v, keys); why != "" {
					t.Errorf("%s: %s: %s", at, field, why)
				}
			}
			for _, f := range typ.Fields {
				if _, given := r[f.Name]; f.Type.NonNull && f.Stored() && f.Kind != ir.ID && f.Default == nil && !given {
					t.Errorf("%s: %s is missing", at, f.Name)
				}
			}
		}
	}
}

// misfit says why v cannot be field's value, or "".
func misfit(s *ir.Schema, typ *ir.Type, field string, v any, keys map[string]bool) string {
	switch field {
	case "_key":
		return ""
	case "_consents":
		names, _ := v.([]any)
		if len(names) == 0 || !typ.Subject {
			return "consents are a list, of a person"
		}
		for _, n := range names {
			if p := s.Purpose(fmt.Sprint(n)); p == nil || !p.ByConsent() {
				return fmt.Sprintf("nobody consents to %v", n)
			}
		}
		return ""
	}
	f := typ.Field(field)
	if f == nil {
		return "there is no such field"
	}
	if m, ok := v.(map[string]any); ok {
		if f.Kind == ir.ToOne {
			if ref := fmt.Sprint(m["ref"]); len(m) != 1 || !keys[f.Edge.Target.Name+"/"+ref] {
				return fmt.Sprintf("there is no %s %s", f.Edge.Target.Name, ref)
			}
			return ""
		}
		period := m["ago"]
		if period == nil {
			period = m["in"]
		}
		if _, err := ir.ParsePeriod(fmt.Sprint(period)); len(m) != 1 || err != nil || f.Scalar != ir.Date && f.Scalar != ir.DateTime {
			return "not a time ago or ahead"
		}
		return ""
	}
	if f.Kind != ir.Column {
		return "not a column"
	}
	parsed, err := format.Parse(f, v)
	if err != nil {
		return err.Error()
	}
	// The parser keeps a number no plan knows as it is; demo data has only numbers of ranges kept for fiction.
	if f.Format == "PHONE" && (parsed != v || !strings.HasPrefix(fmt.Sprint(v), "+")) {
		return "not in E.164"
	}
	return ""
}

// Real addresses would get real mail (RFC 2606 §3).
func TestDemoPeopleAreMadeUp(t *testing.T) {
	s, d := compiled(t), loadDemo(t)
	n := 0
	for name, records := range d {
		for _, r := range records {
			for field, v := range r {
				f := s.Type(name).Field(field)
				if f == nil || f.Format != "EMAIL" {
					continue
				}
				n++
				_, domain, _ := strings.Cut(fmt.Sprint(v), "@")
				if !strings.HasSuffix("."+domain, ".example.com") && !strings.HasSuffix("."+domain, ".example.org") && !strings.HasSuffix("."+domain, ".example.net") {
					t.Errorf("%s %s: %s is not of a domain for examples", name, r["_key"], field)
				}
			}
		}
	}
	if n == 0 {
		t.Skip("nobody has an e-mail address")
	}
}
