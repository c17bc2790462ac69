package write

import (
	"context"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// SubjectOf returns the person a row of a @subject type is. It fails with sql.ErrNoRows when there is no such row.
func SubjectOf(ctx context.Context, db read.Querier, dialect string, t *ir.Type, row uuid.UUID) (uuid.UUID, error) {
	query, args := entsql.Dialect(dialect).Select("subject_id").From(entsql.Table(t.Table)).
		Where(entsql.EQ("id", row.String())).Query()
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return uuid.Nil, err
	}
	defer rows.Close()
	var id uuid.UUID
	if err := entsql.ScanOne(rows, &id); err != nil {
		return uuid.Nil, err
	}
	return id, nil
}
