package e2e_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnotherDomain puts a clinic's schema in place of the CRM's, in a copy of this module, and touches no Go code:
// it generates, builds, migrates and enforces.
func TestAnotherDomain(t *testing.T) {
	if testing.Short() {
		t.Skip("generates and builds a whole copy of the module")
	}
	root := moduleRoot(t)
	dir := t.TempDir()
	copyModule(t, root, dir)
	replaceSchema(t, filepath.Join(dir, "graph/schema"), filepath.Join(root, "directives/compiler/testdata/clinic"))
	rewrite(t, filepath.Join(dir, "graph/schema/patient.graphqls"), "email: String @pii(", "email: String @unique @pii(") // sealed
	rewrite(t, filepath.Join(dir, "server/house/open.go"), "Ledger: h.ledger,", "Ledger: h.ledger, IndexBits: 2,")        // most values share an index

	t.Log(run(t, dir, "go", "run", "./directives/codegen/cmd/generate"))
	binary := filepath.Join(dir, "bin", "cloakroom")
	run(t, dir, "go", "build", "-o", binary, "./cmd/cloakroom")
	run(t, dir, binary, "generate", "--check")
	run(t, dir, binary, "lint")
	if _, err := os.Stat(filepath.Join(dir, "ent/contact.go")); err == nil {
		t.Error("the CRM's Contact is still there")
	}

	g := serve(t, binary)
	desk := g.token(t, "--role", "FRONT_DESK", "--attr", "clinic=north")
	raw, data := g.post(t, desk, `mutation @for(purpose: TREATMENT) { createPatient(input: {fileNumber: "P-1", givenName: "Ada", familyName: "Lovelace", clinic: "north", email: "ada@example.com", birthDate: "1990-12-10"}) { patient { id fullName } } }`)
	patient, _ := dig(data, "createPatient", "patient", "id").(string)
	if patient == "" || dig(data, "createPatient", "patient", "fullName") != "Ada Lovelace" {
		t.Fatal(raw)
	}
	if raw, _ := g.post(t, desk, `mutation @for(purpose: TREATMENT) { createPatient(input: {fileNumber: "P-2", givenName: "Eve", familyName: "Else", clinic: "south"}) { patient { id } } }`); !strings.Contains(raw, "FORBIDDEN") {
		t.Error("the front desk of one clinic files patients of another", raw)
	}
	// Sealed and unique: an address is taken in whatever case, and only for whom they see; another one is not, whatever its index.
	admit := func(no, clinic, email string) string {
		raw, _ := g.post(t, g.token(t, "--role", "FRONT_DESK", "--attr", "clinic="+clinic), fmt.Sprintf(`mutation @for(purpose: TREATMENT) { createPatient(input: {fileNumber: %q, givenName: "X", familyName: "Y", clinic: %q, email: %q}) { patient { id } } }`, no, clinic, email))
		return raw
	}
	for n := range 12 {
		if raw := admit(fmt.Sprint("N-", n), "north", fmt.Sprintf("n%d@example.com", n)); strings.Contains(raw, "errors") {
			t.Error(raw)
		}
	}
	if raw := admit("P-3", "north", "ADA@example.COM"); !strings.Contains(raw, "CONFLICT") {
		t.Error("one address for two patients", raw)
	}
	if raw := admit("P-4", "east", "ada@example.com"); strings.Contains(raw, "errors") {
		t.Error("a clinic is told about a patient of another", raw)
	}
	importPatients(t, g, 40)
	if raw, data := g.post(t, desk, `query @for(purpose: TREATMENT) { patients(where: {email: {in: ["N7@example.com", "i3@example.com"]}}) { totalCount nodes { email } } }`); dig(data, "patients", "totalCount") != 2.0 {
		t.Error("found by a sealed address", raw)
	}

	physician := g.token(t, "--role", "PHYSICIAN", "--attr", "clinic=north")
	visit := fmt.Sprintf(`mutation { createVisit(input: {patientId: %q, startsAt: "2026-01-05T09:00:00Z", reason: "cough", findings: "a cold", status: DONE}) { visit { id } } }`, patient)
	if raw, _ := g.post(t, physician, visit); !strings.Contains(raw, "FORBIDDEN") {
		t.Error("a condition of @access(to: [CREATE]) does not hold, and the row is written", raw)
	}
	if raw, data := g.post(t, physician, strings.Replace(visit, "DONE", "PLANNED", 1)); dig(data, "createVisit", "visit", "id") == nil {
		t.Fatal(raw)
	}

	const file = `query @for(purpose: %s) { patients { nodes { givenName email birthDate bloodGroup visits { nodes { reason findings status } } } } }`
	_, data = g.post(t, physician, fmt.Sprintf(file, "TREATMENT"))
	if dig(data, "patients", "nodes", 0, "visits", "nodes", 0, "findings") != "a cold" {
		t.Errorf("the physician reads %v", data)
	}
	_, data = g.post(t, desk, fmt.Sprintf(file, "TREATMENT"))
	if dig(data, "patients", "nodes", 0, "email") != "ada@example.com" || dig(data, "patients", "nodes", 0, "visits", "nodes", 0, "reason") != "•••" || dig(data, "patients", "nodes", 0, "visits", "nodes", 0, "findings") != nil {
		t.Errorf("the front desk reads %v", data)
	}
	if raw, data = g.post(t, g.token(t, "--role", "FRONT_DESK", "--attr", "clinic=south"), fmt.Sprintf(file, "TREATMENT")); dig(data, "patients", "nodes", 0) != nil {
		t.Error("another clinic's front desk reads", raw)
	}
	if raw, _ = g.post(t, g.token(t, "--role", "RESEARCHER"), fmt.Sprintf(file, "TREATMENT")); !strings.Contains(raw, "FORBIDDEN") {
		t.Error("a purpose outside the clearance", raw)
	}

	researcher := g.token(t, "--role", "RESEARCHER")
	const study = `{ patients { nodes { givenName birthDate allergies fileNumber } } }`
	before, _ := g.post(t, researcher, study)
	self := g.token(t, "--role", "CUSTOMER", "--subject", patient)
	if raw, data = g.post(t, self, `mutation { giveConsent(input: {purpose: RESEARCH}) { consent { given } } }`); dig(data, "giveConsent", "consent", "given") != true {
		t.Fatal(raw)
	}
	after, _ := g.post(t, researcher, study)
	if !strings.Contains(before, `"birthDate":"1990-01-01"`) || strings.Contains(before+after, "1990-12-10") || before == after {
		t.Errorf("research reads\n%s\nand with consent\n%s", before, after)
	}
	if raw, data = g.post(t, self, `{ me { patients { nodes { givenName birthDate visits { nodes { findings } } } } } rooms { totalCount } }`); dig(data, "me", "patients", "nodes", 0, "birthDate") != "1990-12-10" || dig(data, "me", "patients", "nodes", 0, "visits", "nodes", 0, "findings") != "a cold" {
		t.Error("a patient reads their own file", raw)
	}
}

// importPatients imports patients with addresses twice, keyed by the address: the second time nothing is new.
func importPatients(t *testing.T, g *gateway, n int) {
	t.Helper()
	dir := t.TempDir()
	text := "no,mail\n"
	for i := range n {
		text += fmt.Sprintf("I-%d,i%d@example.com\n", i, i)
	}
	text += "I-99,I0@EXAMPLE.com\n" // the first one again
	for name, text := range map[string]string{"people.csv": text, "map.yaml": "entity: Patient\nkey: fileNumber\nfields:\n  fileNumber: no\n  email: mail\n  givenName: {value: X}\n  familyName: {value: Y}\n  clinic: {value: north}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		out := run(t, dir, g.binary, "import", "patients", "people.csv", "--map", "map.yaml", "--data", g.data, "--rejects", "none", "--json")
		var report struct{ Accepted, Rejected int }
		if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):strings.LastIndex(out, "}")+1]), &report); err != nil || report.Accepted != n || report.Rejected != 1 {
			t.Errorf("%+v %v %s", report, err, out)
		}
	}
}

// rewrite replaces a text in a file, where it occurs once.
func rewrite(t *testing.T, path, old, new string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), old) != 1 {
		t.Fatalf("%s does not have %q once", path, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// dig follows keys and indices into decoded JSON.
func dig(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

// copyModule copies what a clone has: no build results, no data.
func copyModule(t *testing.T, from, to string) {
	t.Helper()
	skip := map[string]bool{".git": true, "bin": true, "data": true, ".tools": true, "node_modules": true}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skip[rel] {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// replaceSchema removes the schema's sources and demo data and puts others there.
func replaceSchema(t *testing.T, dir, with string) {
	t.Helper()
	for _, pattern := range []string{"*.graphqls", "demo.yaml"} {
		old, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range old {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(with, "*.graphqls"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
