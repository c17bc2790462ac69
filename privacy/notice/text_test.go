package notice_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// shop is the schema of testdata, with replacements made in its text.
func shop(t *testing.T, replace ...string) *ir.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/shop.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(string(text), replace[i]) {
			t.Fatalf("the shop does not say %q", replace[i])
		}
	}
	return compiled(t, strings.NewReplacer(replace...).Replace(string(text)))
}

func compiled(t *testing.T, text string) *ir.Schema {
	t.Helper()
	s, found := compiler.Compile([]ir.Source{{Name: "shop.graphqls", Text: text}})
	for _, d := range found {
		t.Fatalf("%s (%s)", d, d.Remedy)
	}
	return s
}

// golden compares with a file of testdata, byte by byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// A hash in the ledger names a text for good: the same schema gives the same bytes, in every process.
func TestTexts(t *testing.T) {
	var got txtar.Archive
	for _, x := range notice.Texts(shop(t)) {
		got.Files = append(got.Files, txtar.File{Name: x.Language + " " + x.Purpose + " " + x.Hash, Data: []byte(x.Body)})
		if sum := sha256.Sum256([]byte(x.Body)); x.Hash != hex.EncodeToString(sum[:]) || !strings.HasPrefix(x.Hash, x.Version) || x.Version == "" {
			t.Errorf("%s in %s: hash %s, version %s", x.Purpose, x.Language, x.Hash, x.Version)
		}
	}
	golden(t, "texts.txtar", txtar.Format(&got))
}

func TestOneText(t *testing.T) {
	s := shop(t)
	for _, want := range notice.Texts(s) {
		if got, err := notice.Of(s, s.Purpose(want.Purpose), want.Language); err != nil || got != want {
			t.Errorf("%s in %s: %+v, %v", want.Purpose, want.Language, got, err)
		}
	}
	for _, tag := range []string{"fr", "pl", "", "DE"} {
		if _, err := notice.Of(s, s.Purpose("NEWS"), tag); !errors.Is(err, notice.ErrLanguage) {
			t.Errorf("in %q: %v", tag, err)
		}
	}
}

// What a person is told changes with what is done, and with nothing else.
func TestATextChangesWithWhatItSays(t *testing.T) {
	before := hashes(t)
	for _, c := range []struct {
		name    string
		replace []string
		changed []string
	}{
		{"nothing", nil, nil},
		{"a mask", []string{`mask: NULL`, `mask: REDACT`}, nil},
		{"an access", []string{`@access(roles: [CLERK])`, `@access(to: [READ, UPDATE], roles: [CLERK])`}, nil},
		{"a period", []string{`P3Y`, `P4Y`}, []string{"DELIVERY", "NEWS", "TASTE"}},
		{"a reason", []string{`The tax office asks.`, `The tax office wants it.`}, []string{"DELIVERY"}},
		{"a recipient", []string{`country: "US"`, `country: "IN"`}, []string{"NEWS"}},
		{"a purpose of a field", []string{`@purpose(only: [DELIVERY]) @pii`, `@pii`}, []string{"DELIVERY", "NEWS"}[1:]},
		{"the wording", []string{`If you agree, we write to you.`, `If you agree, we write you letters.`}, []string{"NEWS"}},
		{"the controller", []string{`1 Quay`, `2 Quay`}, []string{"DELIVERY", "NEWS", "TASTE", "COUNTING"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := hashes(t, c.replace...)
			for purpose, hash := range before {
				if want := slices.Contains(c.changed, purpose); (after[purpose] != hash) != want {
					t.Errorf("%s changed: %v, want %v", purpose, after[purpose] != hash, want)
				}
			}
		})
	}
}

// hashes are those of the texts in the schema's own language.
func hashes(t *testing.T, replace ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, x := range notice.Texts(shop(t, replace...)) {
		if x.Language == "en" {
			out[x.Purpose] = x.Hash
		}
	}
	return out
}

// A language is offered when everything is said in it: half a notice is none (GDPR Art. 12(1)).
func TestLanguages(t *testing.T) {
	for _, c := range []struct {
		name    string
		replace []string
		want    string
		missing []string
	}{
		{"as it is", nil, "en de", []string{`texts in "fr"`}},
		{"a field that is new", []string{"  taste: String\n", "  shoeSize: Int @pii(category: DEMOGRAPHIC)\n  taste: String\n"}, "en", []string{`texts in "de", 1 of them`}},
		{"its own language", []string{"extend schema\n", "extend schema @language(tag: \"en-IE\")\n"}, "en-IE de", []string{`texts in "en"`}},
		{"a language without a frame", []string{"extend schema\n", "extend schema @language(tag: \"ga\")\n"}, "ga de", []string{`Cloakroom's own words in "ga"`}},
		{"no authority", []string{`, authority: "Data Protection Commission, Dublin"`, ``}, "en de", []string{"the supervisory authority"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shop(t, c.replace...)
			if got := strings.Join(notice.Languages(s), " "); got != c.want {
				t.Errorf("it is written in %s, want %s", got, c.want)
			}
			all := strings.Join(notice.Missing(s), "\n")
			for _, m := range c.missing {
				if !strings.Contains(all, m) {
					t.Errorf("%q is missing, and nobody is told:\n%s", m, all)
				}
			}
		})
	}
}

// The CRM's notice is complete, in English and in German.
func TestTheCRMIsTold(t *testing.T) {
	sources, err := compiler.LoadDir("../../graph/schema")
	if err != nil {
		t.Fatal(err)
	}
	s, found := compiler.Compile(sources)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if s.Type("Contact") == nil || s.Type("CampaignMember") == nil {
		t.Skip("this is not the CRM's schema")
	}
	if got := notice.Languages(s); !slices.Equal(got, []string{"en", "de"}) {
		t.Errorf("it is written in %v", got)
	}
	if missing := notice.Missing(s); len(missing) > 0 {
		t.Errorf("missing: %s", strings.Join(missing, "\n"))
	}
}
