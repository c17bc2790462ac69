package predicate

import (
	"database/sql"
	"fmt"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

const testSchema = `
enum Purpose { SALES @lawful(basis: CONTRACT, bit: 0, notice: "We sell.") }
enum Role { REP @clearance(categories: [], purposes: [SALES]) ADMIN @clearance(categories: [], purposes: [SALES]) }
enum Stage { LEAD WON }
type Account @entity { region: String  tier: Int  parent: Account  accounts: [Account!]! }
type Deal @entity @access(roles: [REP], when: %s) {
  name: String  region: String  count: Int  score: Float  active: Boolean  since: DateTime  born: Date  amount: Decimal
  stage: Stage  account: Account
}`

func parse(t testing.TB, when string) *ir.Expr {
	t.Helper()
	s, findings := compiler.Compile([]ir.Source{{Name: "test.graphqls", Text: fmt.Sprintf(testSchema, `"""`+when+`"""`)}})
	for _, d := range findings {
		t.Errorf("%s: %s (%s)", when, d, d.Remedy)
	}
	if s == nil {
		t.FailNow()
	}
	return s.Type("Deal").Access[0].When.Expr
}

const (
	accountEU = "00000000-0000-7000-8000-0000000000a1"
	accountUS = "00000000-0000-7000-8000-0000000000a2"
)

// Four deals: one of the EU, one of the US, one with nothing but a name, one without an account.
var inserts = []string{
	`INSERT INTO accounts (id, region, tier, parent_id) VALUES ('` + accountEU + `', 'EU', 1, NULL)`,
	`INSERT INTO accounts (id, region, tier, parent_id) VALUES ('` + accountUS + `', 'US', NULL, '` + accountEU + `')`,
	`INSERT INTO deals VALUES ('00000000-0000-7000-8000-000000000001', 'one', 'EU', 1, 0.5, %TRUE, '2026-01-01 10:00:00+00:00', %DAY(1990-05-01), 12505000, 'LEAD', '` + accountEU + `')`,
	`INSERT INTO deals VALUES ('00000000-0000-7000-8000-000000000002', 'two', 'US', 2, 2.5, %FALSE, '2026-06-01 10:00:00.5+00:00', %DAY(2026-11-24), 100, 'WON', '` + accountUS + `')`,
	`INSERT INTO deals VALUES ('00000000-0000-7000-8000-000000000003', 'three', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
	`INSERT INTO deals VALUES ('00000000-0000-7000-8000-000000000004', 'four', 'eu', -5, 1, %TRUE, '2027-01-01 00:00:00+00:00', %DAY(2027-01-01), 50000, 'LEAD', NULL)`,
}

func openSQLite(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:?_time_format=sqlite")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	fill(t, db, []string{
		`CREATE TABLE accounts (id uuid PRIMARY KEY, region text, tier integer, parent_id uuid)`,
		`CREATE TABLE deals (id uuid PRIMARY KEY, name text, region text, count integer, score real, active bool, since datetime, born datetime, amount integer, stage text, account_id uuid)`,
	}, map[string]string{"TRUE": "1", "FALSE": "0", "DAY": "'%s 00:00:00+00:00'"})
	return db
}

func openPostgres(t testing.TB) *sql.DB {
	t.Helper()
	url := os.Getenv("CLOAKROOM_TEST_POSTGRES")
	if url == "" {
		t.Skip("set CLOAKROOM_TEST_POSTGRES to the URL of a PostgreSQL server to run this test")
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // temporary tables belong to a connection
	t.Cleanup(func() { _ = db.Close() })
	fill(t, db, []string{
		`CREATE TEMPORARY TABLE accounts (id uuid PRIMARY KEY, region varchar, tier bigint, parent_id uuid)`,
		`CREATE TEMPORARY TABLE deals (id uuid PRIMARY KEY, name varchar, region varchar, count bigint, score double precision, active boolean, since timestamptz, born date, amount bigint, stage varchar, account_id uuid)`,
	}, map[string]string{"TRUE": "true", "FALSE": "false", "DAY": "'%s'"})
	return db
}
