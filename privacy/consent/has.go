package consent

import (
	"context"
	"database/sql"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/ent/consententry"
)

// Has returns a function that reports whether the ledger has an entry.
func (l *Ledger) Has(id uuid.UUID) func(ctx context.Context, db *sql.DB) (bool, error) {
	return func(ctx context.Context, db *sql.DB) (bool, error) {
		query, args := entsql.Dialect(l.dialect).Select(entsql.Count("*")).From(entsql.Table(consententry.Table)).Where(entsql.EQ(consententry.FieldID, id.String())).Query()
		var n int
		err := db.QueryRowContext(ctx, query, args...).Scan(&n)
		return err == nil && n > 0, err
	}
}
