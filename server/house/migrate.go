package house

import (
	"context"

	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
	"github.com/cloakroom-crm/cloakroom/privacy/published"
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

// Refused are the purposes for which Open would refuse the schema the program was built with, because of what people were asked
// before. It changes nothing.
func Refused(ctx context.Context, o Options) (all []notice.Refusal, err error) {
	compiled, err := Schema()
	if err != nil {
		return nil, err
	}
	o.Keys = o.Keys.in(o.Data, o.Database)
	err = lookInto(ctx, o, func(r rooms) (err error) {
		all, err = published.Refusals(ctx, r.data, compiled)
		return err
	})
	return all, err
}
