package graph

import "context"

// Admit is what answer does before it asks the database: for a benchmark of that part.
func (g *Gateway) Admit(ctx context.Context, query string, variables map[string]any) bool {
	_, refusal := g.admit(ctx, &request{query: query, variables: variables})
	return refusal == nil
}

// Measure is the part of Admit that is not a look into the cache.
func (g *Gateway) Measure(ctx context.Context, query string, variables map[string]any) func() int64 {
	o, _ := g.admit(ctx, &request{query: query, variables: variables})
	return func() int64 {
		s, _ := g.measure(o.doc, o.op, variables)
		return s.points()
	}
}
