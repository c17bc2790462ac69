package differential

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// vault seals cells in a way that everybody can read, and that notices what a cipher would: a cell opens with the key of
// its subject, at its own place, and only if that key was asked for.
type vault struct {
	gone []uuid.UUID // subjects whose key was destroyed
}

// sealer is whose key seals the cells of a row: the first of its owners. A row of nobody has no key.
func sealer(r *row) uuid.UUID {
	if people := owners(r); len(people) > 0 {
		return people[0].subject
	}
	return uuid.Nil
}

func isSealed(f *ir.Field) bool { return f.Pii != nil && f.Pii.Sealed }

// opens: the reference's word on whether a sealed cell can be read.
func (v *vault) opens(r *row) bool {
	return sealer(r) != uuid.Nil && !slices.Contains(v.gone, sealer(r))
}

func place(subject, row uuid.UUID, f *ir.Field) string {
	return fmt.Sprintf("%s|%s|%s|", subject, row, f.Coordinate())
}

func (v *vault) seal(r *row, f *ir.Field, plain any) string {
	kind := "?"
	switch p := plain.(type) {
	case string:
		kind = "s" + p
	case int64:
		kind = "i" + strconv.FormatInt(p, 10)
	case float64:
		kind = "f" + strconv.FormatFloat(p, 'g', -1, 64)
	case bool:
		kind = "b" + strconv.FormatBool(p)
	case time.Time:
		kind = "t" + p.Format(time.RFC3339Nano)
	}
	return place(sealer(r), r.id, f) + kind
}

// Keys loads the keys of subjects.
func (v *vault) Keys(_ context.Context, subjects []uuid.UUID) (read.Keys, error) {
	return keys{v, subjects}, nil
}

type keys struct {
	vault  *vault
	loaded []uuid.UUID
}

// Open opens a cell in its place.
func (k keys) Open(subject, row uuid.UUID, f *ir.Field, sealed any) (any, error) {
	text, ok := sealed.(string)
	plain, here := strings.CutPrefix(text, place(subject, row, f))
	switch {
	case !ok || !here || plain == "":
		return nil, fmt.Errorf("%v is not sealed for %s", sealed, place(subject, row, f))
	case !slices.Contains(k.loaded, subject) || slices.Contains(k.vault.gone, subject):
		return nil, read.ErrKeyGone
	}
	switch v := plain[1:]; plain[0] {
	case 'i':
		return strconv.ParseInt(v, 10, 64)
	case 'f':
		return strconv.ParseFloat(v, 64)
	case 'b':
		return strconv.ParseBool(v)
	case 't':
		return time.Parse(time.RFC3339Nano, v)
	default:
		return v, nil
	}
}
