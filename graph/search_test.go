package graph_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// find searches and returns what was found, as `Type name` or `Type`.
func (w *world) find(t testing.TB, p policy.Principal, purpose, query string, more ...string) []string {
	t.Helper()
	r := w.ask(t, p, `query($q: String!) @for(purpose: `+purpose+`) {
		search(query: $q, first: 50 `+strings.Join(more, " ")+`) { nodes { __typename ... on Account { name } ... on Product { sku } } } }`, "q", query).ok(t)
	out := []string{}
	for _, n := range r.at("search.nodes").([]any) {
		node := n.(map[string]any)
		found := node["__typename"].(string)
		for _, key := range []string{"name", "sku"} {
			if v, ok := node[key].(string); ok {
				found += " " + v
			}
		}
		out = append(out, found)
	}
	return out
}

func TestSearchFindsBeginningsOfWords(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		boss := as("SALES_MANAGER")
		for _, name := range []string{"Straßenbau Nyström GmbH", "O'Neil & Sons", "12e4 Optics", "İzmir Halı", "東京計器", "Robot 😀 Works", "anne-marie_ltd", "ﬁnch"} {
			w.put(t, "Account", map[string]any{"name": name, "city": "Lund", "domain": "shop.example.org"})
		}
		for query, want := range map[string][]string{
			"nys":               {"Straßenbau Nyström GmbH"},
			"NYSTRÖM":           {"Straßenbau Nyström GmbH"},
			"nystro\u0308m":     {"Straßenbau Nyström GmbH"},
			"straß":             {"Straßenbau Nyström GmbH"},
			"strass":            {},
			"tröm":              {}, // no beginning
			"gmbh nys":          {"Straßenbau Nyström GmbH"},
			"gmbh nys lund":     {"Straßenbau Nyström GmbH"}, // in two fields
			"nys nowhere":       {},
			"o'neil":            {"O'Neil & Sons"},
			"oneil":             {},
			"o neil":            {"O'Neil & Sons"},
			"12e":               {"12e4 Optics"},
			"izmir":             {"İzmir Halı"},
			"halı":              {"İzmir Halı"},
			"hali":              {},
			"東京":                {"東京計器"},
			"robot works":       {"Robot 😀 Works"},
			"anne ltd":          {"anne-marie_ltd"},
			"ﬁn":                {"ﬁnch"},
			"fin":               {},
			`"sons" OR 'x':* |`: {},
			"sons*":             {"O'Neil & Sons"},
			"sons -(neil) {w}":  {},
			"sons and":          {}, // FTS5's operators are words
			"shop.example sons": {"O'Neil & Sons"},
		} {
			got := w.find(t, boss, "SALES", query, "types: ACCOUNT")
			for i, f := range got {
				got[i] = strings.TrimPrefix(f, "Account ")
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
	})
}

func TestSearchFollowsTheRows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		boss := as("SALES_MANAGER")
		found := func(query string, want ...string) {
			t.Helper()
			if got := w.find(t, boss, "SALES", query); !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		id := w.put(t, "Account", map[string]any{"name": "Alpha"})
		found("alpha", "Account Alpha")
		update := func(name any) {
			t.Helper()
			w.ask(t, boss, `mutation($id: ID!, $n: String) @for(purpose: SALES) { updateAccount(id: $id, input: {name: $n}) { account { id } } }`,
				"id", read.EncodeID("Account", id), "n", name).ok(t)
		}
		update("Beta")
		found("alpha")
		found("beta", "Account Beta")
		// The operator's imports, and whatever else writes, take the same way: the database keeps the index.
		if _, err := w.store.DB.Exec(`UPDATE accounts SET name = 'Gamma', city = 'Delta'`); err != nil {
			t.Fatal(err)
		}
		found("beta")
		found("gamma delta", "Account Gamma")
		w.ask(t, boss, `mutation($id: ID!) @for(purpose: SALES) { deleteAccount(id: $id) { deletedId } }`, "id", read.EncodeID("Account", id)).ok(t)
		found("gamma")
		for _, name := range []string{"One Epsilon", "Two Epsilon"} {
			w.put(t, "Account", map[string]any{"name": name})
		}
		found("epsilon", "Account Two Epsilon", "Account One Epsilon") // the newest first
	})
}

// A match in a hidden field is no match: same bytes with it and without.
func TestSearchTellsNothingHidden(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		contact := w.put(t, "Contact", map[string]any{"externalId": "nothing", "region": "EMEA", "country": "SE", "lastName": "Secret", "notes": "secret"})
		lead := w.put(t, "Lead", map[string]any{"externalId": "else", "region": "EMEA", "country": "SE"})
		set := func(value string, state policy.State) {
			t.Helper()
			for table, id := range map[string]uuid.UUID{"contacts": contact, "leads": lead} {
				if _, err := w.store.DB.Exec(`UPDATE ` + table + ` SET external_id = '` + value + `', country = '` + value + `' WHERE id = '` + id.String() + `'`); err != nil {
					t.Fatal(err)
				}
			}
			w.setState(t, "Contact", contact, state)
			w.setState(t, "Lead", lead, state)
		}
		marketing := policy.PurposeBit(w.Schema().Purpose("MARKETING"))
		const query = `query @for(purpose: %s) { search(query: "%s") { edges { cursor node { __typename ... on Contact { id country externalId } } } pageInfo { hasNextPage endCursor } } }`
		for name, c := range map[string]struct {
			who     policy.Principal
			purpose string
			state   policy.State
			shows   bool
		}{
			"cleared":               {as("SALES_MANAGER"), "SALES", 0, true},
			"its region":            {as("SALES_REP", "region", "EMEA"), "SALES", 0, true},
			"another region":        {as("SALES_REP", "region", "APAC"), "SALES", 0, false},
			"no region":             {as("SALES_REP"), "SALES", 0, false},
			"restricted":            {as("SALES_MANAGER"), "SALES", policy.Restricted, false},
			"objected":              {as("SALES_MANAGER"), "SALES", policy.PurposeBit(w.Schema().Purpose("SALES")), false},
			"being erased":          {as("PRIVACY_OFFICER"), "PRIVACY_REQUEST", policy.Erasing, false},
			"without consent":       {as("MARKETER"), "MARKETING", 0, false},
			"with consent":          {as("MARKETER"), "MARKETING", marketing, true},
			"no access to the type": {as("ADMIN"), "SECURITY", 0, false},
			"somebody else":         {policy.Principal{ID: "c", Role: "CUSTOMER", Subject: uuid.New()}, "SELF_SERVICE", 0, false},
			"the person":            {policy.Principal{ID: "c", Role: "CUSTOMER", Subject: contact}, "SELF_SERVICE", 0, true},
		} {
			ask := func(value string) (string, bool) {
				set(value, c.state)
				r := w.ask(t, c.who, fmt.Sprintf(query, c.purpose, "Needle")).ok(t)
				return r.raw, len(r.at("search.edges").([]any)) > 0
			}
			with, found := ask("needle")
			without, _ := ask("straw")
			if found != c.shows {
				t.Errorf("%s: found is %t\n%s", name, found, with)
			}
			if !c.shows && with != without {
				t.Errorf("%s: the answers differ\n%s\n%s", name, with, without)
			}
		}
		w.setState(t, "Contact", contact, 0)
		// Masked by clearance: what statistics see of a customer number is a pseudonym, so only the country is searched.
		if _, err := w.store.DB.Exec(`UPDATE contacts SET external_id = 'needle', country = 'SE'`); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string]int{"needle": 0, "se needle": 0, "se": 1, "secret": 0} {
			if got := w.find(t, as("ANALYST"), "ANALYTICS", query, "types: [CONTACT]"); len(got) != want {
				t.Errorf("%s: %q", query, got)
			}
		}
	})
}

// When consent is given or withdrawn, the next search obeys.
func TestSearchObeysConsent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		contact := w.put(t, "Contact", map[string]any{"externalId": "C-77", "region": "EMEA"})
		person := policy.Principal{ID: "c", Role: "CUSTOMER", Subject: contact}
		say := func(word string) {
			t.Helper()
			w.ask(t, person, `mutation { `+word+`Consent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
		}
		finds := func(want int) {
			t.Helper()
			if got := w.find(t, as("MARKETER"), "MARKETING", "c 77"); len(got) != want {
				t.Errorf("found %q, want %d", got, want)
			}
		}
		finds(0)
		say("give")
		finds(1)
		say("withdraw")
		finds(0)
	})
}

// Two fields under different conditions: each word counts only where its own field is revealed.
func TestSearchGatesFieldByField(t *testing.T) {
	edits := []string{`  country: String
    @index
    @format(as: COUNTRY)
    @pii(category: LOCATION, sensitivity: LOW, store: PLAIN, find: EXACT)
  "The sales territory: EMEA, AMER or APAC. Plain`, `  country: String
    @index
    @format(as: COUNTRY)
    @consent(to: PROFILING)
    @pii(category: LOCATION, sensitivity: LOW, store: PLAIN, find: EXACT)
  "The sales territory: EMEA, AMER or APAC. Plain`,
		`preferredLanguage: String @format(as: LANGUAGE)`, `preferredLanguage: String @access(roles: [SALES_MANAGER], when: "row.country == 'SE'") @format(as: LANGUAGE)`}
	eachRewritten(t, edits, func(t *testing.T, w *world) {
		yes := policy.PurposeBit(w.Schema().Purpose("PROFILING"))
		for _, c := range []struct {
			country string
			state   policy.State
		}{{"SE", yes}, {"SE", 0}, {"DE", yes}, {"DE", 0}} {
			id := w.put(t, "Contact", map[string]any{"region": "EMEA", "country": c.country, "preferredLanguage": "sv"})
			w.setState(t, "Contact", id, c.state)
		}
		for query, want := range map[string]int{"emea": 4, "se": 1, "de": 1, "sv": 2, "emea sv": 2, "se sv": 1, "de sv": 0, "emea de": 1} {
			if got := w.find(t, as("SALES_MANAGER"), "SALES", query, "types: [CONTACT]"); len(got) != want {
				t.Errorf("%s: found %d, want %d", query, len(got), want)
			}
		}
		r := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { search(query: "se", types: [CONTACT]) { pageInfo { hasNextPage } } }`).ok(t)
		if n := r.why("search.query.country"); n.Field != "Contact.country" || n.Remedy != "Ask the person for consent to PROFILING." {
			t.Errorf("nobody is told why people are missing: %s", r.raw)
		}
	})
}

func TestSearchPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		boss := as("SALES_MANAGER")
		var want []string
		for i := range 5 {
			w.put(t, "Product", map[string]any{"name": "needle", "sku": fmt.Sprint(i)})
			w.put(t, "Account", map[string]any{"name": fmt.Sprintf("needle %d", i)})
			want = append(want, fmt.Sprintf("Account needle %d", 4-i))
		}
		for i := range 5 {
			want = append(want, fmt.Sprintf("Product %d", 4-i))
		}
		if got := w.find(t, boss, "SALES", "needle"); !slices.Equal(got, want) {
			t.Fatalf("in one page: %q", got)
		}
		const page = `query($q: String!, $n: Int, $after: String, $types: [SearchType!]) @for(purpose: SALES) {
			search(query: $q, first: $n, after: $after, types: $types) {
				edges { cursor node { __typename ... on Account { name } ... on Product { sku } } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`
		for n := 1; n <= 11; n++ {
			var got []string
			var after any
			for next := true; next; {
				w.statements()
				r := w.ask(t, boss, page, "q", "needle", "n", n, "after", after).ok(t)
				if ran := len(w.statements()); ran > 9 {
					t.Errorf("%d statements for 9 types", ran)
				}
				edges := r.at("search.edges").([]any)
				for _, e := range edges {
					node := e.(map[string]any)["node"].(map[string]any)
					if name, ok := node["name"]; ok {
						got = append(got, fmt.Sprint("Account ", name))
					} else {
						got = append(got, fmt.Sprint("Product ", node["sku"]))
					}
				}
				if last := edges[len(edges)-1].(map[string]any)["cursor"]; last != r.at("search.pageInfo.endCursor") {
					t.Error("the last edge has another cursor than the page's end")
				}
				if r.at("search.pageInfo.hasPreviousPage") != (after != nil) {
					t.Errorf("hasPreviousPage: %s", r.raw)
				}
				after, next = r.at("search.pageInfo.endCursor"), r.at("search.pageInfo.hasNextPage").(bool)
			}
			if !slices.Equal(got, want) {
				t.Errorf("in pages of %d: %q", n, got)
			}
		}
		cursor := w.ask(t, boss, page, "q", "needle", "n", 1).ok(t).at("search.pageInfo.endCursor")
		for name, r := range map[string]reply{
			"other words":  w.ask(t, boss, page, "q", "need", "after", cursor),
			"other types":  w.ask(t, boss, page, "q", "needle", "types", "ACCOUNT", "after", cursor),
			"other viewer": w.ask(t, policy.Principal{ID: "other", Role: "SALES_MANAGER"}, page, "q", "needle", "after", cursor),
			"other role":   w.ask(t, policy.Principal{ID: "SALES_MANAGER", Role: "SALES_REP"}, page, "q", "needle", "after", cursor),
			"no cursor":    w.ask(t, boss, page, "q", "needle", "after", "x"),
			"of a list": w.ask(t, boss, page, "q", "needle", "after", w.ask(t, boss,
				`query @for(purpose: SALES) { accounts(first: 1) { pageInfo { endCursor } } }`).ok(t).at("accounts.pageInfo.endCursor")),
		} {
			if r.code() != read.CodeBadCursor {
				t.Errorf("%s: %s", name, r.raw)
			}
		}
		if r := w.ask(t, boss, page, "q", "NEEDLE!", "n", 1, "after", cursor).ok(t); r.at("search.edges.0.node.name") != "needle 3" {
			t.Errorf("the same words, spelt otherwise: %s", r.raw)
		}
	})
}

func TestSearchRefusesWhatIsNoSearch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct{ args, code string }{
			"nothing":            {`query: ""`, read.CodeBadInput},
			"no word":            {`query: " -.😀 "`, read.CodeBadInput},
			"nine words":         {`query: "a b c d e f g h i"`, read.CodeBadInput},
			"a long word":        {`query: "` + strings.Repeat("ö", 65) + `"`, read.CodeBadInput},
			"eight words":        {`query: "a b c d e f g h"`, ""},
			"the longest word":   {`query: "` + strings.Repeat("ö", 64) + `"`, ""},
			"no types":           {`query: "a", types: []`, read.CodeBadInput},
			"a negative page":    {`query: "a", first: -1`, read.CodeBadInput},
			"too much":           {`query: "a", first: 100000`, read.CodePageTooLarge},
			"an empty page":      {`query: "a", first: 0`, ""},
			"a type out of view": {`query: "a", types: [TICKET]`, ""},
		} {
			r := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { search(`+c.args+`) { __typename nodes { __typename } pageInfo { hasNextPage startCursor } } }`)
			if r.code() != c.code {
				t.Errorf("%s: %s", name, r.raw)
			}
			if c.code == "" && len(r.at("search.nodes").([]any)) > 0 {
				t.Errorf("%s: %s", name, r.raw)
			}
		}
	})
}

// The words of a query are parameters: another text needs no other statement.
func TestSearchKeepsItsPlans(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(t, "Account", map[string]any{"name": "Alpha Beta"})
		texts := func(query string) []string {
			w.statements()
			w.find(t, as("SALES_MANAGER"), "SALES", query, "types: ACCOUNT")
			return w.statements()
		}
		first := texts("alpha")
		if len(first) != 1 || strings.Contains(first[0], "alpha") {
			t.Fatal(first)
		}
		if other := texts("zzz"); !slices.Equal(first, other) {
			t.Errorf("%s\n%s", first, other)
		}
	})
}

// A search must read the index and then the rows it names, not the table, whatever else limits the rows.
func TestSearchUsesTheIndex(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for typ, values := range map[string]func(i int) map[string]any{
			"Account": func(i int) map[string]any {
				return map[string]any{"name": fmt.Sprintf("name%d", i), "region": "EMEA", "city": fmt.Sprintf("city%d", i%500)}
			},
			"Contact": func(i int) map[string]any {
				return map[string]any{"externalId": fmt.Sprintf("name%d", i), "region": "EMEA", "country": "SE"}
			},
		} {
			var rows []importer.Row
			for i := range 4000 {
				rows = append(rows, importer.Row{ID: uuid.Must(uuid.NewV7()), Create: true, Values: values(i)})
			}
			if res, err := w.Bulk().Upsert(context.Background(), w.Schema().Type(typ), rows); err != nil || res.Created != len(rows) {
				t.Fatal(res, err)
			}
		}
		if _, err := w.store.DB.Exec("ANALYZE"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			who                         policy.Principal
			purpose, types, query, name string
		}{
			{as("SALES_MANAGER"), "SALES", "ACCOUNT", "name77", "accounts"},
			{as("SALES_MANAGER"), "SALES", "ACCOUNT", "name77 city7", "accounts"},
			{as("SALES_REP", "region", "EMEA"), "SALES", "ACCOUNT", "name77", "accounts"},
			{as("SALES_REP", "region", "EMEA"), "SALES", "CONTACT", "name77", "contacts"},
			{as("MARKETER"), "MARKETING", "CONTACT", "name77", "contacts"},
			{as("SALES_MANAGER"), "SALES", "ACCOUNT", "name", ""}, // which every row has
		} {
			w.statements()
			w.find(t, c.who, c.purpose, c.query, "types: "+c.types)
			sql := w.statements()[0]
			var plan, bad string
			var good []string
			if w.store.Dialect == "postgres" {
				plan = w.explain(t, "EXPLAIN "+sql, arguments(sql, c.query)...)
				good, bad = []string{"Bitmap Index Scan on " + c.name + "_search"}, "Seq Scan on "+c.name
				if c.name == "" { // what must not be is hope: an index read backwards until enough was found
					good, bad = nil, "Backward"
				}
			} else {
				plan = w.explain(t, "EXPLAIN QUERY PLAN "+sql, make([]any, strings.Count(sql, "?"))...)
				good, bad = []string{"VIRTUAL TABLE INDEX", "id=?)"}, "SCAN t1"
			}
			for _, g := range good {
				if !strings.Contains(plan, g) {
					t.Errorf("%s, %s, %s: no %q\n%s", c.who.Role, c.types, c.query, g, plan)
				}
			}
			if strings.Contains(plan, bad) {
				t.Errorf("%s, %s, %s: %q\n%s", c.who.Role, c.types, c.query, bad, plan)
			}
		}
	})
}

var parameter = regexp.MustCompile(`(\S+) (\S+) *\$\d+|CAST\(\$\d+`)

// arguments are values for the parameters of a statement of PostgreSQL's, from what stands around them.
func arguments(sql, query string) []any {
	var args []any
	words := strings.Fields(query)
	searches, seen := strings.Count(sql, "CAST($"), 0
	for _, m := range parameter.FindAllStringSubmatch(sql, -1) {
		switch {
		case strings.Contains(m[0], "CAST($"):
			args = append(args, "'"+words[seen*len(words)/searches]+"':*")
			seen++
		case m[2] == "LIMIT":
			args = append(args, 26)
		case strings.HasSuffix(m[1], `"id"`):
			args = append(args, "ffffffff-ffff-ffff-ffff-ffffffffffff")
		case strings.HasSuffix(m[1], `"consent_until"`), m[1] == "bigint)":
			args = append(args, today.UnixMicro())
		case strings.HasSuffix(m[1], `"region"`):
			args = append(args, "EMEA")
		default:
			args = append(args, today.AddDate(-3, 0, 0))
		}
	}
	return args
}

func (w *world) explain(t *testing.T, sql string, args ...any) string {
	t.Helper()
	rows, err := w.store.DB.Query(sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(string)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		out.WriteString(*values[len(values)-1].(*string) + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
