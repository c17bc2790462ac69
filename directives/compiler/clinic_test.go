package compiler

import (
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

func clinic(t *testing.T) *ir.Schema {
	t.Helper()
	sources, err := LoadDir("testdata/clinic")
	if err != nil {
		t.Fatal(err)
	}
	schema, findings := Compile(sources)
	for _, d := range findings {
		t.Errorf("%s (%s)", d, d.Remedy)
	}
	if schema == nil {
		t.FailNow()
	}
	return schema
}

func TestClinicCompiles(t *testing.T) {
	s := clinic(t)
	if got := len(s.Entities()); got != 5 {
		t.Errorf("%d entities, want 5", got)
	}
}
