package write

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/published"
)

// Past is the ledger that consents of the past are imported to: an act of the operator, not of a role.
type Past struct {
	Bulk
	Schema *ir.Schema
	Ledger *consent.Ledger
}

// People returns who has a value in a field; without a field, whose record has that id of the API.
func (p *Past) People(ctx context.Context, by *ir.Field, value string) ([]policy.SubjectID, error) {
	if by != nil {
		return p.SubjectsWith(policy.WithCapability(ctx, "import"), by, value)
	}
	name, row, err := read.DecodeID(value)
	t := p.Schema.Type(name)
	if err != nil || t == nil || !t.Subject {
		return nil, nil //nolint:nilerr // it is nobody's id
	}
	subject, err := SubjectOf(ctx, p.DB, p.Dialect, t, row)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look up a person: %w", err)
	}
	return []policy.SubjectID{subject}, nil
}

// errDry undoes a dry run.
var errDry = errors.New("dry run")

// Append records decisions in one transaction. It has succeeded when they are seen everywhere, those of an earlier attempt included.
func (p *Past) Append(ctx context.Context, all []consent.Entry, dry bool) (fates []importer.Fate, err error) {
	err = p.Within(policy.WithCapability(ctx, "import"), func(w Writing) error {
		known, err := p.known(w, w.Tx, all)
		if err != nil {
			return err
		}
		w.MustBeSeen(nil)
		for _, one := range all {
			fate := importer.Fate{Known: known[one.ID]}
			if !fate.Known {
				err := savepoint(w, func() error { return p.append(w, one) })
				if fate.Refused = past(err); err != nil && fate.Refused == "" {
					return err
				}
				known[one.ID] = err == nil
			}
			fates = append(fates, fate)
		}
		if dry {
			return errDry
		}
		return nil
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	return fates, err
}

func (p *Past) append(w Writing, one consent.Entry) error {
	if one.Shown != nil {
		if err := published.Keep(w, w.Tx, p.Dialect, *one.Shown, one.At); err != nil {
			return err
		}
	}
	if _, err := p.Ledger.Record(w, w.Client, w.Tx, one); err != nil {
		return err
	}
	w.Standing(one.Subject)
	return nil
}

// past is what an error of the ledger says of a row; empty for any other.
func past(err error) string {
	for _, own := range []error{consent.ErrUnknownSubject, consent.ErrNotByConsent, consent.ErrNotObjectable, consent.ErrExpired, consent.ErrUnknownNotice, consent.ErrNoObjection} {
		if errors.Is(err, own) {
			return own.Error()
		}
	}
	if errors.Is(err, consent.ErrOlder) {
		return consent.ErrOlder.Error() + ": to bring in what came before it, sort the file by date"
	}
	return ""
}

// known are the lines that were recorded before.
func (p *Past) known(ctx context.Context, tx read.Querier, all []consent.Entry) (known map[uuid.UUID]bool, err error) {
	known = make(map[uuid.UUID]bool, len(all))
	for len(all) > 0 {
		n := min(chunk, len(all))
		ids := make([]any, n)
		for i, one := range all[:n] {
			ids[i] = one.ID.String()
		}
		all = all[n:]
		query, args := entsql.Dialect(p.Dialect).Select(consententry.FieldID).From(entsql.Table(consententry.Table)).Where(entsql.In(consententry.FieldID, ids...)).Query()
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return nil, fmt.Errorf("look for lines of the consent ledger: %w", err)
		}
		for rows.Next() {
			var id uuid.UUID
			if err := rows.Scan(&id); err != nil {
				return nil, errors.Join(fmt.Errorf("look for lines of the consent ledger: %w", err), rows.Close())
			}
			known[id] = true
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, fmt.Errorf("look for lines of the consent ledger: %w", err)
		}
	}
	return known, nil
}
