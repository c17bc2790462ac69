package house

import (
	"context"

	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// Pending are the migrations that Open would apply, and what each would lose. It changes nothing, and makes no database that is
// not there: all of that one's migrations are pending.
func Pending(ctx context.Context, o Options) (all []store.Pending, err error) {
	o.Keys = o.Keys.in(o.Data, o.Database)
	err = lookInto(ctx, o, func(r rooms) (err error) {
		all, err = r.pending(ctx)
		return err
	})
	return all, err
}
