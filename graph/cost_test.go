package graph_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/graph"
)

// What operations cost, as docs/operating.md tells it. However an operation is written, it costs the same.
func TestWhatOperationsCost(t *testing.T) {
	w := databases(t)[0].demo(t)
	const eight = `id fullName email phone jobTitle city country createdAt`
	const twenty = `"a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q" "r" "s" "t"`
	for name, c := range map[string]struct {
		query     string
		variables string
		points    int64
	}{
		"a record":                     {`{ contact(id: "x") { id fullName } }`, ``, 1},
		"a page":                       {`{ contacts { nodes { ` + eight + ` } } }`, ``, 3},
		"that page by edges":           {`{ contacts { edges { node { ` + eight + ` } } } }`, ``, 4},
		"that page by fragments":       {`{ contacts { ...P } } fragment P on ContactConnection { nodes { ...C } } fragment C on Contact { ` + eight + ` }`, ``, 3},
		"a larger page":                {`{ contacts(first: 100) { nodes { ` + eight + ` } } }`, ``, 10},
		"its end":                      {`{ contacts(last: 100) { nodes { ` + eight + ` } } }`, ``, 10},
		"by a variable":                {`query($n: Int) { contacts(first: $n) { nodes { ` + eight + ` } } }`, `{"n": 100}`, 10},
		"by a default":                 {`query($n: Int = 100) { contacts(first: $n) { nodes { ` + eight + ` } } }`, `{}`, 10},
		"by null":                      {`query($n: Int = 100) { contacts(first: $n) { nodes { ` + eight + ` } } }`, `{"n": null}`, 3},
		"no row":                       {`{ contacts(first: 0) { nodes { ` + eight + ` } } }`, ``, 1},
		"only a count":                 {`{ contacts { totalCount } }`, ``, 3},
		"pages within a page":          {`{ accounts(first: 10) { nodes { contacts(first: 10) { nodes { id } } } } }`, ``, 3},
		"a page of pages":              {`{ accounts(first: 100) { nodes { contacts(first: 100) { nodes { id } } } } }`, ``, 204},
		"records by ids":               {`query($ids: [ID!]!) { nodes(ids: $ids) { ... on Contact { ` + eight + ` } } }`, `{"ids": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"]}`, 3},
		"records by a default":         {`query($ids: [ID!] = [` + twenty + `]) { nodes(ids: $ids) { ... on Contact { ` + eight + ` } } }`, `{}`, 3},
		"records of a list":            {`{ nodes(ids: [` + twenty + `]) { ... on Contact { ` + eight + ` } } }`, ``, 3},
		"an aggregate":                 {`{ contactsAggregate { count } }`, ``, 21},
		"a search":                     {`{ search(query: "au") { nodes { __typename } } }`, ``, 22},
		"the schema":                   {`{ __schema { queryType { name } } }`, ``, 51},
		"a type":                       {`{ __type(name: "Contact") { fields { name type { name kind } } } }`, ``, 51},
		"a mutation that finds nobody": {`mutation { deleteContact(id: "x") { id } }`, ``, 0},
	} {
		query := c.query
		if query[0] == '{' {
			query = "query " + query
		}
		at := 0
		for i, r := range query { // before the first selection
			if r == '{' {
				at = i
				break
			}
		}
		query = query[:at] + "@for(purpose: SALES) " + query[at:]
		body, err := json.Marshal(map[string]any{"query": query, "variables": json.RawMessage(either(c.variables, "{}"))})
		if err != nil {
			t.Fatal(err)
		}
		var a struct{ Extensions struct{ Cost int64 } }
		raw := w.send(string(body)).Body.Bytes()
		if err := json.Unmarshal(raw, &a); err != nil || a.Extensions.Cost != c.points && c.points > 0 {
			t.Errorf("%s: %d points, want %d: %.300s", name, a.Extensions.Cost, c.points, raw)
		}
	}
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// purse is a limiter that remembers what was spent.
type purse struct {
	spent []graph.Spending
	wait  time.Duration
}

func (p *purse) Spend(_ context.Context, s graph.Spending) time.Duration {
	p.spent = append(p.spent, s)
	return p.wait
}

// Whatever is asked is paid for before it is validated and before anything is read, what is refused too; what was not seen
// before costs its validation besides, once.
func TestOperationsArePaidForBeforehand(t *testing.T) {
	p := &purse{}
	base := first(t)
	w := base.with(t, func(c *graph.Config) { c.Limiter, c.Mode = p, graph.DocumentsOpen })
	large := `query @for(purpose: SALES) { contacts(first: 1000) { nodes { ` + many(200, func(int) string { return "id " }) + `} } }`
	for _, c := range []struct {
		name, query string
		points      int
	}{
		{"a page", `query @for(purpose: SALES) { contacts(first: 100) { nodes { id email } } }`, 4},
		{"a large one", large, 2011 + 4},
		{"a large one, once more", large, 2011},
		{"what is no document", `{ {`, 1},
		{"what is not valid", `{ contacts(first: 1000) { nodes { nonsense nonsense } } }`, 31},
		{"too much", `{ contacts(first: 1000) { nodes { account { contacts(first: 1000) { nodes { id id id id } } } } } }`, 1},
		{"what is not this one's to ask", `query @for(purpose: ANALYTICS) { me { role } }`, 1},
	} {
		p.spent = nil
		w.send(request(c.query))
		if len(p.spent) != 1 || p.spent[0].Points != c.points || p.spent[0].Role != "SALES_MANAGER" {
			t.Errorf("%s: spent %+v, want %d", c.name, p.spent, c.points)
		}
	}
	p.wait = 1500 * time.Millisecond
	w.statements()
	for _, accept := range []string{"application/json", "application/graphql-response+json"} {
		r := w.post(request(large), "Accept: "+accept)
		if r.Code != 429 || codeIn(t, r.Body.Bytes()) != "RATE_LIMITED" || r.Header().Get("Retry-After") != "2" {
			t.Errorf("%s: %d %v %s", accept, r.Code, r.Header(), r.Body)
		}
	}
	if sql := w.statements(); len(sql) > 0 {
		t.Errorf("read all the same: %v", sql)
	}
}
