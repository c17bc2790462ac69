package compiler

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

const conditionSchema = `
enum Stage { LEAD WON }
enum Colour { RED GREEN }
type Firm @entity @access(roles: [REP]) { name: String @public(because: "x")  region: String @public(because: "x")  tier: Int @public(because: "x")  parent: Firm  stage: Stage @public(because: "x")  deals: [Deal!]! }
type Person @entity @subject @purpose(only: [SALES]) @retain(for: "P1Y", after: "seenAt", because: "Warranty.") {
  seenAt: DateTime @public(because: "clock")
  secret: String @pii(category: IDENTITY)
  city: String @pii(category: LOCATION, store: PLAIN)
}
type Deal @entity @access(roles: [REP], when: %s) {
  name: String @public(because: "x")  region: String @public(because: "x")  count: Int @public(because: "x")  score: Float @public(because: "x")
  active: Boolean @public(because: "x")  since: DateTime @public(because: "x")  born: Date @public(because: "x")  amount: Decimal @public(because: "x")
  stage: Stage @public(because: "x")  colour: Colour @public(because: "x")  firm: Firm  other: Firm  person: Person  notes: JSON @public(because: "x")
  title: String @computed(from: ["name"])  parts: [Part!]!
}
type Part @entity { deal: Deal  size: Int @public(because: "x") }
`

func compileWhen(t testing.TB, literal string) (*ir.Schema, Diagnostics) {
	t.Helper()
	base, err := os.ReadFile("testdata/base.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(fmt.Sprintf(conditionSchema, literal), "deals: [Deal!]!", `deals: [Deal!]! @edge(inverse: "firm")`, 1)
	return Compile([]ir.Source{{Name: "base.graphqls", Text: string(base)}, {Name: "c.graphqls", Text: text}})
}

// show renders an expression in prefix form, so that a table can say what it was reduced to.
func show(e *ir.Expr) string {
	names := [...]string{"and", "or", "not", "==", "!=", "<", "<=", ">", ">=", "in", "null?", "list"}
	switch e.Op {
	case ir.OpConst:
		return fmt.Sprintf("%v:%d", e.Value, e.Scalar)
	case ir.OpNow:
		return fmt.Sprintf("now:%d", e.Scalar)
	case ir.OpViewer:
		return fmt.Sprintf("viewer.%s:%d", e.Attr, e.Scalar)
	case ir.OpRow:
		var names []string
		for _, f := range e.Path {
			names = append(names, f.Name)
		}
		return "row." + strings.Join(names, ".")
	}
	parts := []string{names[e.Op]}
	for _, a := range e.Args {
		parts = append(parts, show(a))
	}
	return "(" + strings.Join(parts, " ") + ")"
}

func TestConditionsAccepted(t *testing.T) {
	for _, c := range []struct{ when, want string }{
		{`row.region == 'EU'`, "(== row.region EU:0)"},
		{`'EU' == row.region`, "(== EU:0 row.region)"},
		{`row.region != viewer.region`, "(!= row.region viewer.region:0)"},
		{`viewer.region == row.region`, "(== viewer.region:0 row.region)"},
		{`row.count < 5`, "(< row.count 5:1)"},
		{`row.count <= -5`, "(<= row.count -5:1)"},
		{`row.count > 2.5`, "(> row.count 2.5:2)"},
		{`row.count >= viewer.level`, "(>= row.count viewer.level:1)"},
		{`row.count < row.score`, "(< row.count row.score)"},
		{`row.score == 1`, "(== row.score 1:1)"},
		{`row.amount > 1250.5`, "(> row.amount 12505000:6)"},
		{`row.amount == 3`, "(== row.amount 30000:6)"},
		{`row.amount == viewer.limit`, "(== row.amount viewer.limit:6)"},
		{`row.active`, "(== row.active true:3)"},
		{`!row.active`, "(not (== row.active true:3))"},
		{`row.active == false`, "(== row.active false:3)"},
		{`viewer.vip`, "(== viewer.vip:3 true:3)"},
		{`row.since < now`, "(< row.since now:4)"},
		{`row.born < now`, "(< row.born now:5)"},
		{`row.since >= timestamp('2026-01-01T00:00:00+01:00')`, "(>= row.since 2025-12-31 23:00:00 +0000 UTC:4)"},
		{`row.born == timestamp('2026-01-01T00:00:00Z')`, "(== row.born 2026-01-01 00:00:00 +0000 UTC:5)"},
		{`row.stage == 'WON'`, "(== row.stage WON:8)"},
		{`row.stage in ['WON', 'LEAD']`, "(in row.stage (list WON:8 LEAD:8))"},
		{`row.stage == viewer.stage`, "(== row.stage viewer.stage:8)"},
		{`row.stage == row.firm.stage`, "(== row.stage row.firm.stage)"},
		{`row.region in viewer.regions`, "(in row.region viewer.regions:0)"},
		{`row.count in [1, 2, 3]`, "(in row.count (list 1:1 2:1 3:1))"},
		{`'EU' in viewer.regions`, "(in EU:0 viewer.regions:0)"},
		{`viewer.region in ['EU', 'US']`, "(in viewer.region:0 (list EU:0 US:0))"},
		{`row.region == null`, "(null? row.region)"},
		{`null != row.region`, "(not (null? row.region))"},
		{`viewer.region == null`, "(null? viewer.region:0)"},
		{`row.firm.region == viewer.region`, "(== row.firm.region viewer.region:0)"},
		{`row.firm.parent.region == 'EU'`, "(== row.firm.parent.region EU:0)"},
		{`row.firm == null`, "(null? row.firm)"},
		{`row.firm == viewer.firm`, "(== row.firm viewer.firm:9)"},
		{`row.firm.id == viewer.firm`, "(== row.firm viewer.firm:9)"},
		{`row.firm == row.other`, "(== row.firm row.other)"},
		{`row.id == '00000000-0000-7000-8000-000000000001'`, "(== row.id 00000000-0000-7000-8000-000000000001:9)"},
		{`row.person.city == viewer.city`, "(== row.person.city viewer.city:0)"},
		{`viewer.role == 'REP'`, "(== viewer.role:0 REP:0)"},
		{`row.region == 'EU' && row.active && row.count > 1`, "(and (== row.region EU:0) (== row.active true:3) (> row.count 1:1))"},
		{`row.active && (row.count > 1 || row.count == null)`, "(and (== row.active true:3) (or (> row.count 1:1) (null? row.count)))"},
		{`!(row.active || row.count > 1)`, "(not (or (== row.active true:3) (> row.count 1:1)))"},
	} {
		s, found := compileWhen(t, `"`+c.when+`"`)
		if s == nil {
			t.Errorf("%s: %v", c.when, found)
			continue
		}
		if got := show(s.Type("Deal").Access[0].When.Expr); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.when, got, c.want)
		}
	}
}

func TestConditionsRefused(t *testing.T) {
	for _, c := range []struct{ when, rule, at string }{
		{`row.region ==`, ruleWhenSyntax, ""},
		{`row.region = 'EU'`, ruleWhenSyntax, "="},
		{`row.region == 'EU`, ruleWhenSyntax, "'"},
		{`SELECT 1`, ruleWhenSyntax, "1"},
		{` `, ruleWhenSyntax, ""},
		{`region == 'EU'`, ruleWhenName, "region"},
		{`user.region == row.region`, ruleWhenName, "user"},
		{`row.nothing == 1`, ruleWhenName, "row.nothing"},
		{`row.region == 'EU' && row.firm.nothing == 1`, ruleWhenName, "row.firm.nothing"},
		{`row == viewer.x`, ruleWhenType, "row"},
		{`row.region`, ruleWhenType, "row.region"},
		{`'yes'`, ruleWhenType, "'yes'"},
		{`true`, ruleWhenType, "true"},
		{`row.active && true`, ruleWhenType, "true"},
		{`row.region == 5`, ruleWhenType, "row.region == 5"},
		{`row.count == 'five'`, ruleWhenType, "row.count == 'five'"},
		{`row.count == row.region`, ruleWhenType, "row.count == row.region"},
		{`row.amount == row.count`, ruleWhenType, "row.amount == row.count"},
		{`row.amount == 1.23456`, ruleWhenType, "row.amount == 1.23456"},
		{`row.stage == 'LOST'`, ruleWhenType, "row.stage == 'LOST'"},
		{`row.stage in ['WON', 'LOST']`, ruleWhenType, "'LOST'"},
		{`row.stage == row.colour`, ruleWhenType, "row.stage == row.colour"},
		{`row.stage < 'WON'`, ruleWhenType, "row.stage < 'WON'"},
		{`row.active > false`, ruleWhenType, "row.active > false"},
		{`row.since == row.born`, ruleWhenType, "row.since == row.born"},
		{`row.since > '2026-01-01'`, ruleWhenType, "row.since > '2026-01-01'"},
		{`row.since > timestamp('soon')`, ruleWhenType, "'soon'"},
		{`row.born == timestamp('2026-01-01T10:00:00Z')`, ruleWhenType, "row.born == timestamp('2026-01-01T10:00:00Z'"},
		{`row.region < null`, ruleWhenType, "row.region < null"},
		{`row.region in []`, ruleWhenType, "["},
		{`row.region in 'EU'`, ruleWhenType, "'EU'"},
		{`row.region in row.name`, ruleWhenType, "row.name"},
		{`row.region in viewer.role`, ruleWhenType, "viewer.role"},
		{`row.region in ['EU', 5]`, ruleWhenType, "5"},
		{`viewer.x in ['EU', 5]`, ruleWhenType, "5"},
		{`viewer.a == viewer.b`, ruleWhenType, "viewer.a == viewer.b"},
		{`1 == 1`, ruleWhenType, "1 == 1"},
		{`row.id == 'me'`, ruleWhenType, "row.id == 'me'"},
		{`row.firm == row.person.city`, ruleWhenType, "row.firm == row.person.city"},
		{`row.region.name == 'EU'`, ruleWhenType, "row.region.name"},
		{`viewer.role == 'BOSS'`, ruleWhenType, "viewer.role == 'BOSS'"},
		{`row.count == viewer.id`, ruleWhenType, "row.count == viewer.id"},
		{`row.region.startsWith('E')`, ruleWhenUntranslatable, "row.region.startsWith('E'"},
		{`size(row.region) == 2`, ruleWhenUntranslatable, "size(row.region"},
		{`row.count + 1 == 2`, ruleWhenUntranslatable, "row.count + 1"},
		{`-row.count == 2`, ruleWhenUntranslatable, "-row.count"},
		{`row.active ? true : false`, ruleWhenUntranslatable, "row.active ? true : false"},
		{`has(row.region)`, ruleWhenUntranslatable, "has(row.region"},
		{`row.parts.exists(p, p.size > 1)`, ruleWhenUntranslatable, "row.parts.exists(p, p.size > 1"},
		{`row.parts == null`, ruleWhenUntranslatable, "row.parts"},
		{`row.firm.deals.name == 'x'`, ruleWhenUntranslatable, "row.firm.deals"},
		{`row.notes == 'x'`, ruleWhenUntranslatable, "row.notes"},
		{`row.title == 'x'`, ruleWhenUntranslatable, "row.title"},
		{`row['region'] == 'EU'`, ruleWhenUntranslatable, "row['region'"},
		{`row.region in [row.name]`, ruleWhenUntranslatable, "row.name"},
		{`viewer.team.region == row.region`, ruleWhenUntranslatable, "viewer.team.region"},
		{`now.year == 2026`, ruleWhenUntranslatable, "now.year"},
		{`row.count == 1u`, ruleWhenUntranslatable, "1u"},
		{`{'a': 1} == row.region`, ruleWhenUntranslatable, "{"},
		{`(row.region == 'EU') == row.active`, ruleWhenUntranslatable, "row.region == 'EU'"},
		{`row.person.secret == 'x'`, ruleWhenSealed, "row.person.secret"},
	} {
		s, found := compileWhen(t, `"`+c.when+`"`)
		if s != nil || len(found) != 1 || found[0].Rule != c.rule {
			t.Errorf("%s: want %s alone, got %v", c.when, c.rule, found)
			continue
		}
		d := found[0]
		if c.at == "" {
			continue
		}
		line := strings.Split(strings.Replace(fmt.Sprintf(conditionSchema, `"`+c.when+`"`), "deals: [Deal!]!", `deals: [Deal!]! @edge(inverse: "firm")`, 1), "\n")[d.Pos.Line-1]
		got := string([]rune(line)[d.Pos.Col-1 : d.Pos.Col-1+d.Length])
		if got != c.at && got != c.at+")" && got != c.at+"]" {
			t.Errorf("%s: points at %q, want %q (%s)", c.when, got, c.at, d.Message)
		}
		if d.Remedy == "" {
			t.Errorf("%s: no remedy", c.when)
		}
	}
}

// Positions inside a condition survive escapes, code points of several bytes and block strings.
func TestConditionPositions(t *testing.T) {
	for _, c := range []struct{ literal, at string }{
		{`"row.region == \"EU\" && row.bad == 1"`, "row.bad"},
		{`"row.region == 'é\u00e9\u{1F600}' && row.bad == 1"`, "row.bad"},
		{"\"\"\"\n      row.region == \"Ü\" &&\n      row.bad == 1\n    \"\"\"", "row.bad"},
		{`"""row.bad == "EU""""`, "row.bad"},
	} {
		_, found := compileWhen(t, c.literal)
		if len(found) != 1 {
			t.Errorf("%s: %v", c.literal, found)
			continue
		}
		d := found[0]
		text := strings.Replace(fmt.Sprintf(conditionSchema, c.literal), "deals: [Deal!]!", `deals: [Deal!]! @edge(inverse: "firm")`, 1)
		line := []rune(strings.Split(text, "\n")[d.Pos.Line-1])
		if got := string(line[d.Pos.Col-1 : d.Pos.Col-1+d.Length]); got != c.at {
			t.Errorf("%s: points at %q", c.literal, got)
		}
	}
}
