package notice_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

func material(s *ir.Schema, purpose string) notice.Material {
	return notice.MaterialOf(s, s.Purpose(purpose))
}

// Whoever agreed is asked again when a purpose does more than they agreed to, and is left in peace when it does not (EDPB
// Guidelines 05/2020 no. 110).
func TestWider(t *testing.T) {
	for _, c := range []struct {
		name    string
		replace []string
		wider   string // a part of the only change; empty: nobody is asked again
	}{
		{"nothing", nil, ""},
		{"the wording", []string{"If you agree, we write to you.", "If you agree, we send you letters."}, ""},
		{"a reason", []string{"Nobody comes back after so long.", "People forget us."}, ""},
		{"who may see it", []string{"@access(roles: [CLERK])", "@access(to: [READ, UPDATE], roles: [CLERK])"}, ""},
		{"what a recipient is said to do", []string{`"prints our letters", country`, `"prints letters", country`, `of: "prints our letters"`, `of: "prints letters"`}, ""},
		{"another field like those there are", []string{"  email: String", "  nickname: String @pii(category: IDENTITY)\n  email: String"}, ""},
		{"a field less", []string{"  email: String @pii(category: CONTACT)\n", "", "  @translated(language: \"de\", of: \"email\", as: \"E-Mail-Adresse\")\n", ""}, ""},
		{"a recipient less", []string{`    @recipient(name: "Print <Co>", for: "prints our letters", country: "US", safeguard: STANDARD_CLAUSES)` + "\n", "",
			`  @translated(language: "de", of: "prints our letters", as: "druckt unsere Briefe")` + "\n", ""}, ""},
		{"a shorter period", []string{"P3Y", "P2Y6M"}, ""},
		{"the same period in months", []string{"P3Y", "P36M"}, ""},
		{"one limit more", []string{`because: "Nobody comes back after so long.")`, `because: "Nobody comes back after so long.") @retain(for: "P1Y", after: "seenAt", because: "Enough.")`}, ""},
		{"deleted later than made anonymous", []string{`because: "Nobody comes back after so long."`, `then: ANONYMIZE, because: "Nobody comes back after so long."`}, "then ANONYMIZE"},

		{"a longer period", []string{"P3Y", "P4Y"}, "keeps data about"},
		{"a period in days that is never longer", []string{"P6M", "P181D"}, ""},
		{"a period in days that is longer in some years", []string{"P6M", "P182D"}, "P182D after Buyer.seenAt"},
		{"another clock", []string{`for: "P3Y", after: "seenAt"`, `for: "P3Y", after: "bornAt"`, "  orders:", "  bornAt: DateTime @public(because: \"A date.\")\n  orders:"}, "P3Y after Buyer.bornAt"},
		{"another category", []string{"  email: String", "  salary: Int @pii(category: FINANCIAL)\n  email: String"}, "it uses data about FINANCIAL"},
		{"data from elsewhere", []string{"  email: String", "  nickname: String @pii(category: IDENTITY, source: THIRD_PARTY)\n  email: String"}, "about IDENTITY, source THIRD_PARTY"},
		{"more sensitive data", []string{"email: String @pii(category: CONTACT)", "email: String @pii(category: CONTACT, sensitivity: HIGH)"}, "data about CONTACT, source SUBJECT, is more sensitive"},
		{"a field that served another purpose", []string{`@purpose(only: [DELIVERY]) @pii(category: HEALTH`, `@pii(category: HEALTH`}, "it uses data about HEALTH"},
		{"a type that served another purpose", []string{"@entity\n  @purpose(only: [DELIVERY])", "@entity\n  @purpose(only: [DELIVERY, NEWS])"}, "it uses data about FINANCIAL"},
		{"another recipient", []string{`@recipient(name: "Print <Co>"`, `@recipient(name: "Post", for: "carries letters", country: "IE") @recipient(name: "Print <Co>"`}, "Post in IE receives the data as PROCESSOR"},
		{"another country", []string{`country: "US"`, `country: "IN"`}, "Print <Co> in IN"},
		{"a recipient that decides itself", []string{`name: "Print <Co>", for`, `name: "Print <Co>", as: CONTROLLER, for`}, "as CONTROLLER"},
		{"another basis", []string{"NEWS\n    @lawful(basis: CONSENT", "NEWS\n    @lawful(basis: LEGITIMATE_INTERESTS"}, "rests on LEGITIMATE_INTERESTS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := notice.Wider(material(shop(t), "NEWS"), material(shop(t, c.replace...), "NEWS"))
			if c.wider == "" && len(got) > 0 || c.wider != "" && (len(got) == 0 || slices.ContainsFunc(got, func(g string) bool { return !strings.Contains(g, c.wider) })) {
				t.Errorf("it does more: %q, want %q", got, c.wider)
			}
		})
	}
}

// What people agree to does not depend on where things stand in the files.
func TestMaterialIsCanonical(t *testing.T) {
	before := material(shop(t), "NEWS")
	after := material(shop(t, "  fullName: String @pii(category: IDENTITY)\n", "", "  seenAt: DateTime", "  fullName: String @pii(category: IDENTITY)\n  seenAt: DateTime"), "NEWS")
	if before.Hash() != after.Hash() {
		t.Errorf("moved, it is another one:\n%s\n%s", before.JSON(), after.JSON())
	}
	golden(t, "material.json", []byte(before.JSON()+"\n"))
}

// history is what schemas one after the other would have published.
func history(schemas ...*ir.Schema) []notice.Published {
	var out []notice.Published
	for _, s := range schemas {
		for _, p := range notice.Current(s) {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

func TestRefusals(t *testing.T) {
	const newsBit, countBit = "@lawful(basis: CONSENT, bit: 1,", "bit: 3, notice"
	moved := []string{newsBit, "@lawful(basis: CONSENT, bit: 9,"}
	for _, c := range []struct {
		name   string
		before []*ir.Schema
		now    *ir.Schema
		want   string // a part of the only refusal; empty: none
		remedy string
	}{
		{"the first start", nil, shop(t), "", ""},
		{"no change", []*ir.Schema{shop(t)}, shop(t), "", ""},
		{"wider under the old number", []*ir.Schema{shop(t)}, shop(t, `only: [DELIVERY]) @pii`, `only: [DELIVERY, NEWS]) @pii`), "it uses data about HEALTH", "such as bit: 0"},
		{"wider under a new number", []*ir.Schema{shop(t)}, shop(t, "country: \"US\"", "country: \"IN\"", newsBit, "@lawful(basis: CONSENT, bit: 9,"), "", ""},
		{"narrower", []*ir.Schema{shop(t)}, shop(t, "P3Y", "P2Y"), "", ""},
		{"as wide as once, after it was narrower", []*ir.Schema{shop(t), shop(t, "P3Y", "P2Y")}, shop(t), "longer", "such as bit: 0"},
		{"back to a number it left", []*ir.Schema{shop(t), shop(t, moved...)}, shop(t), "it left bit 1 for bit 9", "such as bit: 0"},
		{"the number of another purpose", []*ir.Schema{shop(t)}, shop(t, newsBit, "@lawful(basis: CONSENT, bit: 3,", countBit, "bit: 1, notice"), "", ""},
		{"another name", []*ir.Schema{shop(t)}, shop(t, "  NEWS\n", "  LETTERS\n", "Purpose.NEWS", "Purpose.LETTERS", "[DELIVERY, NEWS]", "[DELIVERY, LETTERS]", "only: [NEWS]", "only: [LETTERS]"), "bit 1 stands for what people said about NEWS", "such as bit: 0"},
		{"another basis", []*ir.Schema{shop(t)}, shop(t, "COUNTING @lawful(basis: LEGITIMATE_INTERESTS", "COUNTING @lawful(basis: CONSENT"), "on the basis of LEGITIMATE_INTERESTS", "such as bit: 0"},
		{"another basis, which needs nobody's word", []*ir.Schema{shop(t)}, shop(t, "COUNTING @lawful(basis: LEGITIMATE_INTERESTS", "COUNTING @lawful(basis: CONTRACT", ", optOut: [DNT]", ""), "on the basis of LEGITIMATE_INTERESTS", "such as bit: 0"},
		{"a contract does more", []*ir.Schema{shop(t)}, shop(t, "P10Y", "P11Y"), "", ""},
		{"objections left behind", []*ir.Schema{shop(t)}, shop(t, countBit, "bit: 9, notice"), "those who objected would have to object again", "put back bit: 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := notice.Refusals(history(c.before...), c.now)
			var all strings.Builder
			for _, r := range got {
				all.WriteString(r.Error() + "\n")
			}
			switch {
			case c.name == "the number of another purpose":
				if len(got) != 2 {
					t.Errorf("two purposes changed places, and it says %s", &all)
				}
			case c.want == "" && len(got) > 0, c.want != "" && (len(got) != 1 || !strings.Contains(all.String(), c.want) || !strings.Contains(got[0].Remedy, c.remedy)):
				t.Errorf("refused: %swant %q and %q", &all, c.want, c.remedy)
			}
		})
	}
}
