// Package published keeps what people were told: every text by its hash, and what each purpose meant under its number, for as
// long as the database exists. It refuses a schema that takes an old yes for a new question (GDPR Art. 4(11): consent is
// specific and informed; EDPB Guidelines 05/2020 no. 110).
package published

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
	"github.com/cloakroom-crm/cloakroom/ent/noticetext"
	"github.com/cloakroom-crm/cloakroom/ent/publishedpurpose"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

// RefusedError is a schema that would take what people said for something they were not asked.
type RefusedError struct{ Refusals []notice.Refusal }

// Error names each purpose, why, and what to do.
func (e *RefusedError) Error() string {
	var b strings.Builder
	b.WriteString("the schema takes what people said for something they were not asked")
	for _, r := range e.Refusals {
		b.WriteString("\n  " + r.Error())
	}
	return b.String()
}

// Refusals compares the schema with what a database says was published. A database from before there is any refuses nothing.
func Refusals(ctx context.Context, st *store.Store, s *ir.Schema) ([]notice.Refusal, error) {
	if has, err := st.HasTable(ctx, publishedpurpose.Table); err != nil || !has {
		return nil, err
	}
	before, err := purposes(ctx, st.DB, st.Dialect)
	if err != nil {
		return nil, err
	}
	return notice.Refusals(before, s), nil
}

// Publish keeps the texts and purposes of the schema that are not kept yet. Several processes may do so at once. It changes
// nothing and returns a RefusedError where the schema must not be served.
func Publish(ctx context.Context, st *store.Store, s *ir.Schema, now time.Time) error {
	p := publisher{dialect: st.Dialect, at: now.UTC().Truncate(time.Microsecond), schema: s}
	if todo, err := p.todo(ctx, st.DB); err != nil || len(todo) == 0 {
		return err
	}
	tx, err := st.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("publish the notices: %w", err)
	}
	if err := p.publish(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("publish the notices: %w", err)
	}
	return nil
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

type publisher struct {
	dialect string
	at      time.Time
	schema  *ir.Schema
}

// turn is the advisory lock of PostgreSQL that has one process publish at a time: each compares with what the one before it
// published. SQLite has one writer anyway.
const turn = 0x6e6f74696365 // "notice"

func (p publisher) publish(ctx context.Context, tx *sql.Tx) error {
	if p.dialect == dialect.Postgres {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", turn); err != nil {
			return fmt.Errorf("publish the notices: %w", err)
		}
	}
	todo, err := p.todo(ctx, tx)
	if err != nil {
		return err
	}
	for _, row := range todo {
		query, args := row.Query()
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return fmt.Errorf("publish the notices: %w", err)
		}
	}
	return nil
}

// todo are the rows that are missing.
func (p publisher) todo(ctx context.Context, db querier) ([]*entsql.InsertBuilder, error) {
	before, err := purposes(ctx, db, p.dialect)
	if err != nil {
		return nil, err
	}
	if refusals := notice.Refusals(before, p.schema); len(refusals) > 0 {
		return nil, &RefusedError{refusals}
	}
	kept, err := texts(ctx, db, p.dialect)
	if err != nil {
		return nil, err
	}
	known := make(map[notice.Published]bool, len(before))
	for _, b := range before {
		known[b] = true
	}
	var out []*entsql.InsertBuilder
	for _, c := range notice.Current(p.schema) {
		if !known[c] {
			sum := sha256.Sum256([]byte(c.Material))
			out = append(out, entsql.Dialect(p.dialect).Insert(publishedpurpose.Table).
				Columns(publishedpurpose.FieldID, publishedpurpose.FieldName, publishedpurpose.FieldBit, publishedpurpose.FieldBasis, publishedpurpose.FieldMaterial, publishedpurpose.FieldMaterialHash, publishedpurpose.FieldFirstPublished).
				Values(guard.NewID(), c.Name, c.Bit, c.Basis, c.Material, hex.EncodeToString(sum[:]), p.at))
		}
	}
	for _, t := range notice.Texts(p.schema) {
		if !kept[key{t.Hash, t.Purpose, t.Language}] {
			out = append(out, textRow(p.dialect, consent.Text(t), p.at))
		}
	}
	return out, nil
}

// purposes are those published, oldest first.
func purposes(ctx context.Context, db querier, name string) (out []notice.Published, err error) {
	query, args := entsql.Dialect(name).Select(publishedpurpose.FieldName, publishedpurpose.FieldBit, publishedpurpose.FieldBasis, publishedpurpose.FieldMaterial).
		From(entsql.Table(publishedpurpose.Table)).OrderBy(publishedpurpose.FieldFirstPublished, publishedpurpose.FieldID).Query()
	err = each(ctx, db, query, args, func(rows *sql.Rows) error {
		var p notice.Published
		if err := rows.Scan(&p.Name, &p.Bit, &p.Basis, &p.Material); err != nil {
			return err
		}
		out = append(out, p)
		return nil
	})
	return out, err
}

// key is what a text is kept once for.
type key struct{ hash, purpose, language string }

func texts(ctx context.Context, db querier, name string) (map[key]bool, error) {
	query, args := entsql.Dialect(name).Select(noticetext.FieldHash, noticetext.FieldPurpose, noticetext.FieldLanguage).From(entsql.Table(noticetext.Table)).Query()
	out := map[key]bool{}
	err := each(ctx, db, query, args, func(rows *sql.Rows) error {
		var k key
		if err := rows.Scan(&k.hash, &k.purpose, &k.language); err != nil {
			return err
		}
		out[k] = true
		return nil
	})
	return out, err
}

func each(ctx context.Context, db querier, query string, args []any, visit func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read what was published: %w", err)
	}
	for rows.Next() {
		if err := visit(rows); err != nil {
			return errors.Join(fmt.Errorf("read what was published: %w", err), rows.Close())
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("read what was published: %w", err)
	}
	return nil
}
