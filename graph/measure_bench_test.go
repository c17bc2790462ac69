package graph_test

import (
	"context"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// What the bounds cost, beside the whole of a small question: the share is whole/measure.
func BenchmarkBounds(b *testing.B) {
	w := databases(b)[0].demo(b)
	ctx := policy.WithPrincipal(context.Background(), as("SALES_MANAGER"))
	id := read.EncodeID("Contact", demoID("Contact/alva"))
	for _, q := range []struct {
		name, query string
		variables   map[string]any
	}{
		{"one", `query($id: ID!) @for(purpose: SALES) { contact(id: $id) { id fullName email phone jobTitle } }`, map[string]any{"id": id}},
		{"page", `query($n: Int) @for(purpose: SALES) { contacts(first: $n) { nodes { ...C account { name } } pageInfo { hasNextPage endCursor } } } fragment C on Contact { id fullName email phone jobTitle }`, map[string]any{"n": 25}},
	} {
		b.Run(q.name+"/whole", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := w.Do(ctx, q.query, q.variables); len(r.Errors) > 0 {
					b.Fatal(r.Errors)
				}
			}
		})
		b.Run(q.name+"/admit", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !w.Admit(ctx, q.query, q.variables) {
					b.Fatal("refused")
				}
			}
		})
		b.Run(q.name+"/measure", func(b *testing.B) {
			b.ReportAllocs()
			measure := w.Measure(ctx, q.query, q.variables)
			for b.Loop() {
				if measure() == 0 {
					b.Fatal("free")
				}
			}
		})
	}
}
