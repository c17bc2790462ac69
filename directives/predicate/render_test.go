package predicate

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

func fill(t testing.TB, db *sql.DB, tables []string, words map[string]string) {
	t.Helper()
	day := regexp.MustCompile(`%DAY\(([^)]*)\)`)
	for _, s := range append(tables, inserts...) {
		s = day.ReplaceAllString(s, strings.Replace(words["DAY"], "%s", "$1", 1))
		s = strings.NewReplacer("%TRUE", words["TRUE"], "%FALSE", words["FALSE"]).Replace(s)
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

var (
	testNow   = time.Date(2026, 11, 24, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	principal = policy.Principal{ID: "p-1", Role: "REP", Subject: uuid.MustParse(accountEU), Attrs: map[string]any{
		"region": "EU", "regions": []string{"EU", "US"}, "anyRegions": []any{"EU"}, "commaRegions": "US, EU", "none": []string{}, "mixed": []any{"EU", 5},
		"count": int64(1), "countText": "2", "counts": []any{float64(1), "2"}, "big": 1.5, "flag": true, "no": "false", "account": accountUS,
		"accounts": []string{accountEU}, "since": "2026-01-01T10:00:00Z", "sinces": []string{"2026-06-01T12:00:00.5+02:00"}, "day": "2026-11-24", "days": []any{"1990-05-01"},
		"amount": "1250.5", "amounts": []string{"0.01"}, "stage": "WON", "flags": []bool{true}, "score": "2.5", "five": 5,
	}}
)

// cases give the deals for which a condition is true and those for which it is false; for the others it is unknown.
var cases = []struct{ when, yes, no string }{
	{`row.region == "EU"`, "1", "24"},
	{`row.region != "EU"`, "24", "1"},
	{`row.region == viewer.region`, "1", "24"},
	{`row.region == viewer.missing`, "", ""},
	{`row.region != viewer.missing`, "", ""},
	{`row.region == viewer.five`, "", ""},
	{`row.region in ["EU", "eu"]`, "14", "2"},
	{`row.region in viewer.regions`, "12", "4"},
	{`row.region in viewer.anyRegions`, "1", "24"},
	{`row.region in viewer.commaRegions`, "12", "4"},
	{`row.region in viewer.none`, "", "1234"},
	{`row.region in viewer.missing`, "", ""},
	{`row.region in viewer.mixed`, "", ""},
	{`row.region == null`, "3", "124"},
	{`row.region != null`, "124", "3"},
	{`row.region > "EU"`, "24", "1"}, // bytes: "US" and "eu"
	{`row.count > 1`, "2", "14"},
	{`row.count >= 1`, "12", "4"},
	{`row.count < -4`, "4", "12"},
	{`row.count <= 1.5`, "14", "2"},
	{`row.count == viewer.count`, "1", "24"},
	{`row.count == viewer.countText`, "2", "14"},
	{`row.count == viewer.big`, "", ""},
	{`row.count in viewer.counts`, "12", "4"},
	{`row.count == row.score`, "", "124"},
	{`row.score >= 1`, "24", "1"},
	{`row.score == viewer.score`, "2", "14"},
	{`row.active`, "14", "2"},
	{`!row.active`, "2", "14"},
	{`row.active == viewer.flag`, "14", "2"},
	{`row.active == viewer.no`, "2", "14"},
	{`row.active in viewer.flags`, "14", "2"},
	{`viewer.flag`, "1234", ""},
	{`viewer.no`, "", "1234"},
	{`viewer.missing`, "", ""},
	{`viewer.region == null`, "", "1234"},
	{`viewer.five == null`, "", "1234"},
	{`viewer.missing == null`, "1234", ""},
	{`viewer.region == "EU"`, "1234", ""},
	{`viewer.role == "REP"`, "1234", ""},
	{`viewer.id == row.name`, "", "1234"},
	{`viewer.role in ["REP", "ADMIN"]`, "1234", ""},
	{`row.since < now`, "12", "4"},
	{`row.since == timestamp("2026-01-01T11:00:00+01:00")`, "1", "24"},
	{`row.since >= timestamp("2026-06-01T10:00:00Z")`, "24", "1"},
	{`row.since == viewer.since`, "1", "24"},
	{`row.since in viewer.sinces`, "2", "14"},
	{`row.born == now`, "2", "14"},
	{`row.born < now`, "1", "24"},
	{`row.born == viewer.day`, "2", "14"},
	{`row.born in viewer.days`, "1", "24"},
	{`row.born <= timestamp("1990-05-01T00:00:00Z")`, "1", "24"},
	{`row.amount == 1250.5`, "1", "24"},
	{`row.amount > 5`, "1", "24"},
	{`row.amount in [5, 0.01]`, "24", "1"},
	{`row.amount == viewer.amount`, "1", "24"},
	{`row.amount in viewer.amounts`, "2", "14"},
	{`row.stage == "WON"`, "2", "14"},
	{`row.stage == viewer.stage`, "2", "14"},
	{`row.stage in ["LEAD", "WON"]`, "124", ""},
	{`row.account.region == viewer.region`, "1", "2"},
	{`row.account.tier == 1`, "1", ""},
	{`row.account.parent.region == "EU"`, "2", ""},
	{`row.account.parent.region == row.account.region`, "", "2"},
	{`row.account == null`, "34", "12"},
	{`row.account == viewer.account`, "2", "1"},
	{`row.account.id in viewer.accounts`, "1", "2"},
	{`row.account == viewer.subject`, "1", "2"},
	{`row.account == "` + accountUS + `"`, "2", "1"},
	{`row.id == "00000000-0000-7000-8000-000000000003"`, "3", "124"},
	{`row.region == "EU" || row.region == null`, "13", "24"},
	{`row.region == "EU" && row.count == 1 && row.active`, "1", "24"},
	{`!(row.region == "EU" && row.active)`, "24", "1"},
}

func TestConditionsOnSQLite(t *testing.T)   { runCases(t, SQLite, openSQLite(t)) }
func TestConditionsOnPostgres(t *testing.T) { runCases(t, Postgres, openPostgres(t)) }

func runCases(t *testing.T, d Dialect, db *sql.DB) {
	for _, c := range cases {
		t.Run(c.when, func(t *testing.T) {
			e := parse(t, c.when)
			if got := query(t, d, db, e); got != c.yes {
				t.Errorf("true for %q, want %q", got, c.yes)
			}
			if got := query(t, d, db, not(e)); got != c.no {
				t.Errorf("false for %q, want %q", got, c.no)
			}
		})
	}
}

func not(e *ir.Expr) *ir.Expr { return &ir.Expr{Op: ir.OpNot, Args: []*ir.Expr{e}} }

// query returns the last digits of the deals for which e is true.
func query(t testing.TB, d Dialect, db *sql.DB, e *ir.Expr) string {
	t.Helper()
	text, slots := Render(d, e, "d")
	if n := strings.Count(text, "?"); n != len(slots) {
		t.Fatalf("%s: %d placeholders, %d slots", text, n, len(slots))
	}
	args := make([]any, 0, len(slots))
	for _, s := range slots {
		args = append(args, s.Resolve(principal, testNow))
	}
	if d == Postgres {
		for i := range slots {
			text = strings.Replace(text, "?", fmt.Sprintf("$%d", i+1), 1)
		}
	}
	rows, err := db.Query(`SELECT CAST("d"."id" AS text) FROM "deals" AS "d" WHERE `+text+` ORDER BY 1`, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	var got strings.Builder
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		got.WriteString(id[len(id)-1:])
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got.String()
}

// truth is a value of Kleene's three-valued logic.
type truth int

const (
	no truth = iota
	unknown
	yes
)

// Trees of the cases, joined at random, must come out as Kleene's logic says.
func TestJunctionsFollowKleene(t *testing.T) {
	db := openSQLite(t)
	rng := rand.New(rand.NewPCG(1, 2))
	atoms := make([]*ir.Expr, len(cases))
	for i, c := range cases {
		atoms[i] = parse(t, c.when)
	}
	var tree func(depth int) (*ir.Expr, [4]truth)
	tree = func(depth int) (*ir.Expr, [4]truth) {
		if depth == 0 {
			i := rng.IntN(len(cases))
			var out [4]truth
			for row := range out {
				id := fmt.Sprint(row + 1)
				switch {
				case strings.Contains(cases[i].yes, id):
					out[row] = yes
				case strings.Contains(cases[i].no, id):
					out[row] = no
				default:
					out[row] = unknown
				}
			}
			return atoms[i], out
		}
		x, a := tree(depth - 1)
		if rng.IntN(3) == 0 {
			for row := range a {
				a[row] = yes - a[row]
			}
			return not(x), a
		}
		y, b := tree(depth - 1)
		op := []ir.ExprOp{ir.OpAnd, ir.OpOr}[rng.IntN(2)]
		for row := range a {
			if op == ir.OpAnd {
				a[row] = min(a[row], b[row])
			} else {
				a[row] = max(a[row], b[row])
			}
		}
		return &ir.Expr{Op: op, Args: []*ir.Expr{x, y}}, a
	}
	for range 300 {
		e, want := tree(1 + rng.IntN(3))
		ids := ""
		for row, v := range want {
			if v == yes {
				ids += fmt.Sprint(row + 1)
			}
		}
		if got := query(t, SQLite, db, e); got != ids {
			text, _ := Render(SQLite, e, "d")
			t.Fatalf("true for %q, want %q: %s", got, ids, text)
		}
	}
}

func TestRenderText(t *testing.T) {
	e := parse(t, `row.account.parent.region == viewer.region && row.count in [1, 2]`)
	const chain = `(SELECT (SELECT "e2"."region" FROM "accounts" AS "e2" WHERE "e2"."id" = "e3"."parent_id") FROM "accounts" AS "e3" WHERE "e3"."id" = "e1"."account_id")`
	text, _ := Render(SQLite, e, "e1")
	want := strings.NewReplacer("e3", "e2", "e2", "e3").Replace(chain)
	if text != `((`+want+` = ?) AND ("e1"."count" IN (?, ?)))` {
		t.Error(text)
	}
	text, slots := Render(Postgres, parse(t, `row.region in viewer.regions && row.account.id == viewer.account`), "deals")
	if text != `(("deals"."region" IN (SELECT json_array_elements_text(?::json)::text)) AND ("deals"."account_id" = ?::uuid))` {
		t.Error(text)
	}
	if slots[0] != (Slot{Kind: Viewer, Attr: "regions", List: true, Scalar: ir.String}) || slots[1] != (Slot{Kind: Viewer, Attr: "account", Scalar: ir.UUID}) {
		t.Error(slots)
	}
	// A server's locale must not decide who may see a row.
	text, _ = Render(Postgres, parse(t, `row.region > viewer.region`), "d")
	if text != `("d"."region" COLLATE "C" > ?::text)` {
		t.Error(text)
	}
}
