package consent

import (
	"context"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
)

// Question is a request for consent to a purpose.
type Question struct {
	Subject policy.SubjectID
	Purpose *ir.Purpose
	Asked   time.Time
	Own     bool // the person had themselves asked
}

// Open reports whether the question may be put to the person, and answered. It may not while the processing of their data is
// restricted or they are being erased, nor once they have said no since it was asked. Whoever asks on behalf of another takes every no
// for an answer, however long ago it was said: to this purpose, and to direct marketing of whatever kind where this is some (GDPR
// Art. 21(3)). To ask again for what was refused is to market.
func (b Book) Open(ctx context.Context, q Question, now time.Time) (bool, error) {
	state, err := b.Combined(ctx, q.Subject, now)
	if err != nil || state&(policy.Restricted|policy.Erasing) != 0 {
		return false, err
	}
	last, err := b.last(ctx, q.Subject, consententry.Bit(q.Purpose.Bit))
	if err != nil {
		return false, err
	}
	if last != nil && last.Decision == Withdraw && (!q.Own || last.At.After(q.Asked)) {
		return false, nil
	}
	for _, p := range b.schema.Purposes {
		if !q.Own && q.Purpose.DirectMarketing && p.DirectMarketing && p.Objectable() && state&policy.PurposeBit(p) != 0 {
			return false, nil
		}
	}
	return true, nil
}
