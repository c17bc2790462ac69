package graph

import (
	"cmp"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Limits bound one operation, whichever way it came in. They hold before the document is validated: validation compares
// selections with each other, so its time grows with the square of their number. Zero means the default.
type Limits struct {
	Text       int   // bytes of the document; default 32 KiB: documents are kept in a cache
	Tokens     int   // words, names, values and signs; default 1500, a sixth more than GraphiQL's question about the schema has
	Depth      int   // selections within selections; default 20
	Aliases    int   // default 60
	Directives int   // default 50
	Fields     int   // default 1000
	Cost       int64 // points, see measure; default 10,000
}

// MaxText and MaxTokens are the defaults of what a document may have.
const (
	MaxText   = 32 << 10
	MaxTokens = 1500
)

func (l Limits) orDefault() Limits {
	return Limits{
		Text: cmp.Or(l.Text, MaxText), Tokens: cmp.Or(l.Tokens, MaxTokens), Depth: cmp.Or(l.Depth, 20), Aliases: cmp.Or(l.Aliases, 60),
		Directives: cmp.Or(l.Directives, 50), Fields: cmp.Or(l.Fields, 1000), Cost: cmp.Or(l.Cost, 10_000),
	}
}

// tooLarge is the answer to a document that is too long to be read at all.
func (l Limits) tooLarge() *graphql.Response {
	return tooMuch("an operation may have %d tokens and %d bytes: ask in parts, and send values as variables", l.Tokens, l.Text)
}

func tooMuch(format string, args ...any) *graphql.Response {
	return refused(read.CodeCostExceeded, fmt.Sprintf(format, args...))
}

// over says which bound an operation exceeds; nil if none.
func (l Limits) over(s size) *graphql.Response {
	for _, b := range [...]struct {
		have, most int64
		text       string
	}{
		{s.depth, int64(l.Depth), "an operation may nest selections %d deep"},
		{s.aliases, int64(l.Aliases), "an operation may have %d aliases, those of fragments counted wherever they are spread: ask in parts"},
		{s.directives, int64(l.Directives), "an operation may have %d directives, those of fragments counted wherever they are spread"},
		{s.fields, int64(l.Fields), "an operation may select %d fields, those of fragments counted wherever they are spread: ask in parts"},
		{s.points(), l.Cost, "an operation may cost %d points, and this may cost more: ask for smaller pages (first, last), or in parts"},
	} {
		if b.have > b.most {
			return tooMuch(b.text, b.most)
		}
	}
	return nil
}

func refused(code, message string) *graphql.Response {
	return &graphql.Response{Errors: gqlerror.List{read.Fail(code, message).GraphQL()}}
}
