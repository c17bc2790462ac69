package importer

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/schema"
)

// product is the CRM's own schema.
func product(t *testing.T) *ir.Schema {
	t.Helper()
	sources, err := compiler.LoadFS(schema.FS)
	if err != nil {
		t.Fatal(err)
	}
	s, problems := compiler.Compile(sources)
	if s == nil {
		t.Fatalf("the schema does not compile: %v", problems)
	}
	return s
}

// Every preset fits the schema it was written for, and reads a file with the sample's quirks.
func TestPresets(t *testing.T) {
	s := product(t)
	for _, m := range presetMaps() {
		if _, err := Compile(s, m); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		preset, typ, file  string
		accepted, rejected int
		created            string
	}{
		{"customers", "Contact", "customers.csv", 6, 1, "Account 5 Contact 6"},
		{"northwind", "Contact", "northwind_customers.csv", 4, 2, "Account 4 Contact 4"},
		{"northwind", "User", "northwind_employees.csv", 3, 0, "User 3"},
		{"crm", "Account", "crm_accounts.csv", 3, 0, "Account 3"},
		{"crm", "Product", "crm_products.csv", 2, 0, "Product 2"},
		{"crm", "Team", "crm_sales_teams.csv", 3, 0, "Team 2 User 2 User 3"},
		{"crm", "Deal", "crm_sales_pipeline.csv", 5, 0, "Account 2 User 3 Product 3 Deal 5"},
	} {
		t.Run(c.preset+" "+c.typ, func(t *testing.T) {
			p, err := FindPreset(s, c.preset, s.Type(c.typ))
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join("testdata", c.file))
			if err != nil {
				t.Fatal(err)
			}
			store := newMemory()
			rep, rejects := imports(t, p, store, string(text), Options{})
			if rep.Accepted != c.accepted || rep.Rejected != c.rejected || counts(rep) != c.created {
				t.Errorf("created %s\n%v%s", counts(rep), rep, rejects)
			}
			rep, _ = imports(t, p, store, string(text), Options{})
			for _, r := range rep.Records {
				if r.Created+r.Updated > 0 {
					t.Errorf("again: %v", rep)
				}
			}
		})
	}
}

func counts(r *Report) string {
	var out []string
	for _, c := range r.Records {
		out = append(out, c.Entity, strconv.Itoa(c.Created))
	}
	return strings.Join(out, " ")
}

func TestFindPresetExplains(t *testing.T) {
	s := product(t)
	if _, err := FindPreset(s, "nothing", s.Type("Contact")); err == nil || !strings.Contains(err.Error(), "there is customers, northwind") {
		t.Error(err)
	}
	if _, err := FindPreset(s, "crm", s.Type("Task")); err == nil || !strings.Contains(err.Error(), "write a map") {
		t.Error(err)
	}
	if ps := Presets(crm()); len(ps) != 0 {
		t.Errorf("presets are offered that the schema has no types for: %v", ps)
	}
	small := crm()
	small.Types[0].Name = "Account"
	small.Index()
	if _, err := FindPreset(small, "crm", small.Type("Account")); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Error(err)
	}
}

func TestDemoDataFitsTheSchema(t *testing.T) {
	text, err := schema.FS.ReadFile("demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, store := product(t), newMemory()
	consents, err := LoadDemo(context.Background(), s, "demo.yaml", text, time.Now(), store)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("_consents:")); len(consents) != n || len(store.rows[s.Type("Contact")]) < 20 {
		t.Errorf("%d consents of %d, %d contacts", len(consents), n, len(store.rows[s.Type("Contact")]))
	}
}

// The sample files themselves, where they are at hand: CLOAKROOM_SAMPLES names their folder.
func TestSampleFiles(t *testing.T) {
	dir := os.Getenv("CLOAKROOM_SAMPLES")
	if dir == "" {
		t.Skip("CLOAKROOM_SAMPLES is not set")
	}
	s := product(t)
	for _, c := range []struct{ preset, typ, file string }{
		{"customers", "Contact", "customers-10000.csv"}, {"northwind", "Contact", "northwind_customers.csv"}, {"northwind", "User", "northwind_employees.csv"},
		{"crm", "Account", "crm_accounts.csv"}, {"crm", "Product", "crm_products.csv"}, {"crm", "Team", "crm_sales_teams.csv"}, {"crm", "Deal", "crm_sales_pipeline.csv"},
	} {
		p, err := FindPreset(s, c.preset, s.Type(c.typ))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, c.file))
		if err != nil {
			t.Fatal(err)
		}
		rep, _ := imports(t, p, &sink{}, string(text), Options{})
		t.Logf("%s\n%s", c.file, rep)
		if rep.Accepted*3 < rep.Rows*2 {
			t.Errorf("%s: more than a third of the rows was rejected", c.file)
		}
	}
}

// sink is a Store that forgets.
type sink struct{ memory }

func (*sink) Upsert(_ context.Context, _ *ir.Type, rows []Row) (Result, error) {
	return Result{Created: len(rows)}, nil
}
