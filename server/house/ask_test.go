package house

import (
	"errors"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

func TestWithPurpose(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	h := &House{Schema: schema}
	for name, c := range map[string]struct{ query, want string }{
		"shorthand":       {"{ me { role } }", "query @for(purpose: SALES) { me { role } }"},
		"named":           {"query Who($id: ID!) { contact(id: $id) { id } }", "query Who($id: ID!) @for(purpose: SALES) { contact(id: $id) { id } }"},
		"no blank":        {"query{me{role}}", "query@for(purpose: SALES) {me{role}}"},
		"mutation":        {`mutation { deleteContact(id: "x") { deletedId } }`, `mutation @for(purpose: SALES) { deleteContact(id: "x") { deletedId } }`},
		"braces before":   {`query ($w: W = {a: {b: "){"}}) @x(y: {}) { me }`, `query ($w: W = {a: {b: "){"}}) @x(y: {}) @for(purpose: SALES) { me }`},
		"lines, comments": {"\uFEFF# { ☕\n{ me\n  { role } }", "\uFEFF# { ☕\nquery @for(purpose: SALES) { me\n  { role } }"},
		"already says so": {"query @for(purpose: SALES) { me { role } }", "query @for(purpose: SALES) { me { role } }"},
		"does not parse":  {"{ me ", "{ me "},
		"fragments":       {"fragment R on Me { role } { me { ...R } }", "fragment R on Me { role } query @for(purpose: SALES) { me { ...R } }"},
		"several": {"query A { me } query B @for(purpose: SALES) { me } query C { me }",
			"query A @for(purpose: SALES) { me } query B @for(purpose: SALES) { me } query C @for(purpose: SALES) { me }"},
	} {
		got, _, err := h.withPurpose(c.query, "SALES")
		if err != nil || got != c.want {
			t.Errorf("%s: %q %v, want %q", name, got, err, c.want)
		}
		if got, _, err := h.withPurpose(c.query, ""); err != nil || got != c.query {
			t.Errorf("%s without a purpose: %q %v", name, got, err)
		}
	}
	if _, _, err := h.withPurpose("query @for(purpose: SALES) { me { role } }", "SUPPORT"); !errors.Is(err, ErrTwoPurposes) {
		t.Error(err)
	}
	for _, purpose := range []string{"SALES) { me", "SALE"} {
		if _, _, err := h.withPurpose("{ me { role } }", purpose); err == nil || !strings.Contains(err.Error(), "SALES") {
			t.Errorf("purpose %s: %v", purpose, err)
		}
	}
}

func TestPlacesAreThoseOfTheQuestion(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	h := &House{Schema: schema}
	question := "query A { me } query B { me }\n{ you }"
	asked, added, err := h.withPurpose(question, "SALES")
	if err != nil {
		t.Fatal(err)
	}
	from, to := strings.Split(question, "\n"), strings.Split(asked, "\n")
	for line := range from {
		at := 0
		for column := range to[line] {
			got := added.original(gqlerror.Location{Line: line + 1, Column: column + 1})
			if got.Line != line+1 || got.Column < at+1 || got.Column > at+2 {
				t.Errorf("%d:%d is %v", line+1, column+1, got)
			}
			at = got.Column - 1
			if c := to[line][column]; strings.ContainsRune("ABmy", rune(c)) && column > 0 && to[line][column-1] == ' ' && from[line][at] != c {
				t.Errorf("%d:%d, %q, is %v, %q", line+1, column+1, c, got, from[line][at])
			}
		}
		if at != len(from[line])-1 {
			t.Errorf("line %d ends at %d, want %d", line+1, at, len(from[line])-1)
		}
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
