package published

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/ent/guard"
	"github.com/cloakroom-crm/cloakroom/ent/noticetext"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// Keep adds a text that people were shown elsewhere, at a time, unless it is kept already.
func Keep(ctx context.Context, tx *sql.Tx, dialect string, t consent.Text, at time.Time) error {
	query, args := textRow(dialect, t, at).
		OnConflict(entsql.ConflictColumns(noticetext.FieldHash, noticetext.FieldPurpose, noticetext.FieldLanguage), entsql.DoNothing()).Query()
	if _, err := tx.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("keep a text: %w", err)
	}
	return nil
}

// textRow is the row that keeps a text.
func textRow(dialect string, t consent.Text, at time.Time) *entsql.InsertBuilder {
	return entsql.Dialect(dialect).Insert(noticetext.Table).
		Columns(noticetext.FieldID, noticetext.FieldHash, noticetext.FieldPurpose, noticetext.FieldLanguage, noticetext.FieldVersion, noticetext.FieldBody, noticetext.FieldFirstPublished).
		Values(guard.NewID(), t.Hash, t.Purpose, t.Language, t.Version, t.Body, at)
}
