package graph_test

import (
	"testing"
)

// A single value stands for a list of one, inline and in a variable alike (GraphQL §3.11 input coercion), and never for
// no condition.
func TestSingleValuesAreListsOfOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, name := range []string{"A", "B", "C"} {
			w.put(t, "Account", map[string]any{"name": name, "region": "EMEA"})
		}
		one := map[string]any{"name": map[string]any{"eq": "A"}}
		const list = `query($w: AccountWhere, $o: [AccountOrder!]) @for(purpose: SALES) { accounts(where: $w, orderBy: $o) { totalCount nodes { id name } } }`
		for name, where := range map[string]any{
			"and":     map[string]any{"and": one},
			"and one": map[string]any{"and": []any{one}},
			"or":      map[string]any{"or": one},
			"in":      map[string]any{"name": map[string]any{"in": "A"}},
		} {
			for range 2 { // the second time from the cache
				r := w.ask(t, as("SALES_MANAGER"), list, "w", where).ok(t)
				if r.at("accounts.totalCount") != 1.0 || r.at("accounts.nodes.0.name") != "A" {
					t.Errorf("%s: %s", name, r.raw)
				}
			}
		}
		r := w.ask(t, as("SALES_MANAGER"), list, "o", map[string]any{"field": "NAME", "direction": "DESC"}).ok(t)
		if r.at("accounts.nodes.0.name") != "C" {
			t.Error(r.raw)
		}
		id := r.at("accounts.nodes.0.id")
		for name, q := range map[string]reply{
			"variable": w.ask(t, as("SALES_MANAGER"), `query($i: [ID!]!) @for(purpose: SALES) { nodes(ids: $i) { id } }`, "i", id),
			"inline":   w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { nodes(ids: "`+id.(string)+`") { id } }`),
		} {
			if q.ok(t).at("nodes.0.id") != id {
				t.Errorf("%s: %s", name, q.raw)
			}
		}
		if r := w.ask(t, as("SALES_MANAGER"), list, "w", map[string]any{"and": []any{}}).ok(t); r.at("accounts.totalCount") != 3.0 {
			t.Error("no condition", r.raw)
		}
		if r := w.ask(t, as("SALES_MANAGER"), list, "w", map[string]any{"or": []any{}}).ok(t); r.at("accounts.totalCount") != 0.0 {
			t.Error("none of no conditions", r.raw)
		}
	})
}
