package consent

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
)

// State is what a person said about one purpose.
type State struct {
	Purpose  *ir.Purpose
	Given    bool
	Objected bool
	At       *time.Time // of the last entry in the ledger; nil before any
}

// Querier is a database or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// States returns the subject's state of every purpose a person can decide about, in source order. Of a person with
// several rows the strictest counts.
func (l *Ledger) States(ctx context.Context, client *ent.Client, db Querier, subject policy.SubjectID) ([]State, error) {
	state, err := l.combined(ctx, db, subject)
	if err != nil {
		return nil, err
	}
	entries, err := client.ConsentEntry.Query().Where(consententry.SubjectID(subject)).
		Order(consententry.ByAt(entsql.OrderDesc())).All(policy.WithCapability(ctx, "consent"))
	if err != nil {
		return nil, fmt.Errorf("read the consent ledger: %w", err)
	}
	last := map[string]time.Time{}
	for _, e := range entries {
		if _, ok := last[e.Purpose]; !ok {
			last[e.Purpose] = e.At
		}
	}
	var out []State
	for _, p := range l.schema.Purposes {
		if !p.ByConsent() && !p.Objectable() {
			continue
		}
		s := State{Purpose: p}
		bit := state&policy.PurposeBit(p) != 0
		s.Given, s.Objected = p.ByConsent() && bit, p.Objectable() && bit
		if at, ok := last[p.Name]; ok {
			s.At = &at
		}
		out = append(out, s)
	}
	return out, nil
}

func (l *Ledger) combined(ctx context.Context, db Querier, subject policy.SubjectID) (policy.State, error) {
	var states []policy.State
	for _, t := range l.schema.Types {
		if !t.Subject {
			continue
		}
		query, args := entsql.Dialect(l.dialect).Select("privacy_state").From(entsql.Table(t.Table)).
			Where(entsql.EQ("subject_id", subject.String())).Query()
		found, err := column(ctx, db, query, args)
		if err != nil {
			return 0, fmt.Errorf("read privacy state in %s: %w", t.Table, err)
		}
		states = append(states, found...)
	}
	return policy.Combine(policy.ConsentBits(l.schema), states...), nil
}

func column(ctx context.Context, db Querier, query string, args []any) ([]policy.State, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []policy.State
	for rows.Next() {
		var s int64
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, policy.State(s))
	}
	return out, rows.Err()
}
