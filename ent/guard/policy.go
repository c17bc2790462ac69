package guard

import (
	"context"

	"entgo.io/ent"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Policy returns the policy of every schema. It ends in deny: an Ent policy whose rules all skip would allow.
func Policy() ent.Policy { return capability{} }

type capability struct{}

// EvalQuery refuses reads without a capability with policy.ErrNoCapability.
func (capability) EvalQuery(ctx context.Context, _ ent.Query) error { return require(ctx) }

// EvalMutation refuses writes without a capability with policy.ErrNoCapability.
func (capability) EvalMutation(ctx context.Context, _ ent.Mutation) error { return require(ctx) }

func require(ctx context.Context) error {
	if !policy.HasCapability(ctx) {
		return policy.ErrNoCapability
	}
	return nil
}
