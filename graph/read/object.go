package read

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Object is what every resolver returns: a value whose cells were already decided and encoded. Its content can only come
// from this package, so a raw row cannot be returned by mistake: it does not compile.
//
// gqlgen treats it as a context marshaler and writes it as it is. The zero Object is null.
type Object struct {
	json   []byte
	denied []*Error // of an event: errors of its answer, which is begun when the event was found to be told
}

// IsNull reports whether there is nothing to show.
func (o Object) IsNull() bool { return o.json == nil }

// MarshalGQLContext writes the encoded value.
func (o Object) MarshalGQLContext(ctx context.Context, w io.Writer) error {
	for _, err := range o.denied {
		graphql.AddError(ctx, err)
	}
	if o.json == nil {
		_, err := io.WriteString(w, "null")
		return err
	}
	if b, ok := w.(*bytes.Buffer); ok {
		b.Grow(len(o.json) + 64) // once, with room for what closes the answer
	}
	_, err := w.Write(o.json)
	return err
}

// UnmarshalGQLContext always fails: objects are answers, never input. gqlgen's binder asks for it.
func (o *Object) UnmarshalGQLContext(context.Context, any) error {
	return errors.New("an object type is not an input")
}

// String keeps values out of logs and error texts, as the next three do. policy.Withheld is not embedded: gqlgen binds fields by name.
func (o Object) String() string { return policy.Withheld{}.String() }

// GoString tells nothing.
func (o Object) GoString() string { return policy.Withheld{}.String() }

// Format tells nothing.
func (o Object) Format(s fmt.State, verb rune) { policy.Withheld{}.Format(s, verb) }

// LogValue tells nothing.
func (o Object) LogValue() slog.Value { return policy.Withheld{}.LogValue() }

// MarshalJSON keeps values out of everything but the GraphQL response.
func (o Object) MarshalJSON() ([]byte, error) { return []byte(`"[withheld]"`), nil }
