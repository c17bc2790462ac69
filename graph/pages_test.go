package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Every list reads the same page by page, forward and backward, with ties and nulls in the order.
func TestPagesBothWays(t *testing.T) {
	for _, db := range databases(t) {
		t.Run(db.name, func(t *testing.T) {
			w := db.demo(t)
			for _, order := range []string{"[]", "[{field: REGION}]", "[{field: REGION, direction: DESC}, {field: CREATED_AT}]", "[{field: YEAR_ESTABLISHED, direction: DESC}, {field: NAME}]"} {
				whole := w.pages(t, order, "first", "after", 1000)
				if len(whole) < 10 {
					t.Fatalf("%d accounts are too few to tell", len(whole))
				}
				for _, size := range []int{1, 3, 7} {
					if got := w.pages(t, order, "first", "after", size); !slices.Equal(got, whole) {
						t.Errorf("%s forward by %d: %v, want %v", order, size, got, whole)
					}
					if got := w.pages(t, order, "last", "before", size); !slices.Equal(got, whole) {
						t.Errorf("%s backward by %d: %v, want %v", order, size, got, whole)
					}
				}
			}
		})
	}
}

// pages reads all accounts page by page, and returns them in the order of the list.
func (w *world) pages(t testing.TB, order, count, place string, size int) []string {
	t.Helper()
	backward := count == "last"
	var all []string
	var cursor any
	for {
		r := w.ask(t, as("SALES_MANAGER"), fmt.Sprintf(`query($at: String) @for(purpose: SALES) { accounts(%s: %d, %s: $at, orderBy: %s) {
			edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`, count, size, place, order), "at", cursor).ok(t)
		var page []string
		for _, e := range r.at("accounts.edges").([]any) {
			page = append(page, e.(map[string]any)["node"].(map[string]any)["id"].(string))
		}
		if len(page) > size {
			t.Fatalf("a page of %d has %d rows", size, len(page))
		}
		more, other, end := "hasNextPage", "hasPreviousPage", "endCursor"
		if backward {
			all = append(page, all...)
			more, other, end = other, more, "startCursor"
		} else {
			all = append(all, page...)
		}
		if began := r.at("accounts.pageInfo." + other).(bool); began != (cursor != nil) {
			t.Errorf("%s is %t at cursor %v", other, began, cursor)
		}
		if !r.at("accounts.pageInfo." + more).(bool) {
			return all
		}
		cursor = r.at("accounts.pageInfo." + end)
		if len(all) > 1000 {
			t.Fatal("pages do not end")
		}
	}
}

// Each row of a list has the page of its own edge, also where there are more rows than a page shows.
func TestPagesOfManyParents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 5 {
			account := w.put(t, "Account", map[string]any{"name": fmt.Sprint("Account ", i), "region": "EMEA"})
			for j := range 4 {
				w.put(t, "Contact", map[string]any{"firstName": fmt.Sprint(i, " ", j), "account": account, "lastActivityAt": today})
			}
		}
		for page, want := range map[string]string{"first: 1": "0", "last: 1": "3", "first: 2": "0 1", "last: 3": "1 2 3"} {
			r := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { accounts(orderBy: {field: NAME}) { nodes { name contacts(`+page+`) { nodes { firstName account { name } } } } } }`).ok(t)
			for i := range 5 {
				var got []string
				for _, n := range r.at(fmt.Sprint("accounts.nodes.", i, ".contacts.nodes")).([]any) {
					n := n.(map[string]any)
					if n["account"].(map[string]any)["name"] != fmt.Sprint("Account ", i) {
						t.Errorf("%s: somebody of another account", page)
					}
					got = append(got, strings.TrimPrefix(n["firstName"].(string), fmt.Sprint(i, " ")))
				}
				if strings.Join(got, " ") != want {
					t.Errorf("%s of account %d: %v, want %s", page, i, got, want)
				}
			}
		}
	})
}

// A cursor of another viewer, purpose, list, filter, order or time, and one that was tampered with, get one answer, and
// nothing is read for it.
func TestCursorsElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, name := range []string{"One", "Two", "Three"} {
			w.put(t, "Account", map[string]any{"name": name, "region": "EMEA"})
		}
		const q = `query($at: String) @for(purpose: %s) { %s(first: 1, after: $at%s) { totalCount pageInfo { endCursor } } }`
		manager := as("SALES_MANAGER")
		cursor, _ := w.ask(t, manager, fmt.Sprintf(q, "SALES", "accounts", ""), "at", nil).ok(t).at("accounts.pageInfo.endCursor").(string)
		again := w.ask(t, manager, fmt.Sprintf(q, "SALES", "accounts", ""), "at", nil).ok(t).at("accounts.pageInfo.endCursor")
		if cursor == "" || cursor != again {
			t.Fatalf("one place has cursors %q and %q", cursor, again)
		}
		w.ask(t, manager, fmt.Sprintf(q, "SALES", "accounts", ""), "at", cursor).ok(t)
		var want string
		refuse := func(what string, r reply) {
			t.Helper()
			if want == "" {
				want = r.raw
			}
			if r.code() != "BAD_CURSOR" || r.raw != want {
				t.Errorf("%s: %s, want %s", what, r.raw, want)
			}
			if sql := w.statements(); len(sql) > 0 {
				t.Errorf("%s: %q ran", what, sql)
			}
		}
		w.statements()
		refuse("nonsense", w.ask(t, manager, fmt.Sprintf(q, "SALES", "accounts", ""), "at", "nonsense"))
		tampered := []byte(cursor)
		tampered[len(tampered)/2] ^= 1
		refuse("tampered", w.ask(t, manager, fmt.Sprintf(q, "SALES", "accounts", ""), "at", string(tampered)))
		refuse("another filter", w.ask(t, manager, fmt.Sprintf(q, "SALES", "accounts", `, where: {name: {ne: "x"}}`), "at", cursor))
		refuse("another order", w.ask(t, manager, fmt.Sprintf(q, "SALES", "accounts", `, orderBy: {field: NAME}`), "at", cursor))
		refuse("another purpose", w.ask(t, manager, fmt.Sprintf(q, "BILLING", "accounts", ""), "at", cursor))
		other := manager
		other.ID = "somebody else"
		refuse("another viewer", w.ask(t, other, fmt.Sprintf(q, "SALES", "accounts", ""), "at", cursor))
		w.now = today.AddDate(0, 0, 2)
		refuse("another day", w.ask(t, manager, fmt.Sprintf(q, "SALES", "accounts", ""), "at", cursor))
		w.now = today
		r := w.ask(t, manager, `query($at: String) @for(purpose: SALES) { accounts { nodes { contacts(after: $at) { totalCount } } } }`, "at", cursor)
		if r.code() != "BAD_CURSOR" || len(w.statements()) > 0 {
			t.Errorf("nested: %s", r.raw)
		}
	})
}
