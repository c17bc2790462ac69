package server

import "github.com/cloakroom-crm/cloakroom/graph"

// Gateway sets what the configuration says of the API.
func (c Config) Gateway(g *graph.Config) {
	l := c.Limits
	g.Limits = graph.Limits{Tokens: l.Tokens, Depth: l.Depth, Aliases: l.Aliases, Directives: l.Directives, Fields: l.Fields, Cost: int64(l.Cost)}
	g.SignIn = c.SignIn()
	switch c.DocumentMode() {
	case "open":
		g.Mode = graph.DocumentsOpen
	case "log":
		g.Mode = graph.DocumentsLog
	default:
		g.Mode = graph.DocumentsEnforce
	}
}
