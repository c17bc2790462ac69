package house

import (
	"errors"
	"strings"
	"testing"
)

func TestWithPurpose(t *testing.T) {
	for name, c := range map[string]struct{ query, purpose, want string }{
		"shorthand":          {"{ me { role } }", "SALES", "query @for(purpose: SALES)"},
		"named":              {"query Who($id: ID!) { contact(id: $id) { id } }", "SALES", "query Who ($id: ID!) @for(purpose: SALES)"},
		"mutation":           {`mutation { deleteContact(id: "x") { deletedId } }`, "SALES", "mutation @for(purpose: SALES)"},
		"already says so":    {"query @for(purpose: SALES) { me { role } }", "SALES", "query @for(purpose: SALES)"},
		"no purpose":         {"{ me { role } }", "", "{ me { role } }"},
		"does not parse":     {"{ me ", "SALES", "{ me "},
		"fragments are kept": {"{ me { ...R } } fragment R on Me { role }", "SALES", "fragment R on Me"},
	} {
		got, err := withPurpose(c.query, c.purpose)
		if err != nil || !strings.Contains(got, c.want) || strings.Count(got, "@for") > 1 {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	if _, err := withPurpose("query @for(purpose: SALES) { me { role } }", "SUPPORT"); !errors.Is(err, ErrTwoPurposes) {
		t.Error(err)
	}
	if _, err := withPurpose("{ me { role } }", "SALES) { me"); err == nil {
		t.Error("a purpose that is no name is put into the operation")
	}
}

func TestParseSubject(t *testing.T) {
	for text, good := range map[string]bool{
		"0190a5b2-8f63-7c3e-9a51-6d2f4c1b7e90":   true,
		"0190A5B2-8F63-7C3E-9A51-6D2F4C1B7E90":   false, // one form per person
		"{0190a5b2-8f63-7c3e-9a51-6d2f4c1b7e90}": false,
		"00000000-0000-0000-0000-000000000000":   false,
		"ada":                                    false,
		"":                                       false,
	} {
		if _, ok := ParseSubject(text); ok != good {
			t.Errorf("%q: %v", text, ok)
		}
	}
}
