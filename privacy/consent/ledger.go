package consent

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
)

// Errors a caller can act on.
var (
	ErrNotByConsent   = errors.New("this purpose does not rest on consent")
	ErrUnknownSubject = errors.New("no record of this person")
)

// Entry is what someone said. Art. 7(1): the controller shall be able to demonstrate that the subject has consented.
type Entry struct {
	policy.Withheld

	ID      uuid.UUID // of the line; zero: a new one
	Subject policy.SubjectID
	Purpose *ir.Purpose
	Give    bool // false: withdrawn (Art. 7(3))
	At      time.Time
	Method  string // how it was said: "self-service", "telephone", "import"
	Actor   string // who recorded it: a role, or "subject"
	// NoticeVersion names the text the person saw; empty stands for the text's hash.
	NoticeVersion string
	Evidence      string // a reference, e.g. the id of a recorded call; never the recording
}

// Ledger records consent.
type Ledger struct {
	schema  *ir.Schema
	dialect string
}

// New returns the ledger of a schema on a database of Ent's dialect name.
func New(s *ir.Schema, dialect string) *Ledger { return &Ledger{schema: s, dialect: dialect} }

// Record appends the entry and sets or clears the purpose's bit on every row of the subject, with client working on tx.
// When the transaction commits, every later read decides by it. It fails with ErrNotByConsent or ErrUnknownSubject.
func (l *Ledger) Record(ctx context.Context, client *ent.Client, tx *sql.Tx, e Entry) error {
	if !e.Purpose.ByConsent() {
		return fmt.Errorf("%s: %w", e.Purpose.Name, ErrNotByConsent)
	}
	rows, err := l.mark(ctx, tx, e)
	if err != nil {
		return err
	}
	if rows == 0 {
		return ErrUnknownSubject
	}
	hash := NoticeHash(e.Purpose)
	if e.NoticeVersion == "" {
		e.NoticeVersion = hash[:12]
	}
	action := consententry.ActionWITHDRAW
	if e.Give {
		action = consententry.ActionGIVE
	}
	create := client.ConsentEntry.Create().SetSubjectID(e.Subject).SetPurpose(e.Purpose.Name).SetAction(action).
		SetAt(e.At.UTC()).SetMethod(e.Method).SetActor(e.Actor).SetNoticeVersion(e.NoticeVersion).SetNoticeHash(hash)
	if e.ID != uuid.Nil {
		create.SetID(e.ID)
	}
	if e.Evidence != "" {
		create.SetEvidence(e.Evidence)
	}
	if err := create.Exec(policy.WithCapability(ctx, "consent")); err != nil {
		return fmt.Errorf("append to the consent ledger: %w", err)
	}
	return nil
}

// mark sets or clears the purpose's bit in the privacy state of all the subject's rows, of whatever type.
func (l *Ledger) mark(ctx context.Context, tx *sql.Tx, e Entry) (int64, error) {
	var total int64
	for _, t := range l.schema.Types {
		if !t.Subject {
			continue
		}
		bit := int64(policy.PurposeBit(e.Purpose))
		op := " | "
		if !e.Give {
			op, bit = " & ", ^bit
		}
		query, args := entsql.Dialect(l.dialect).Update(t.Table).
			Set("privacy_state", entsql.ExprFunc(func(b *entsql.Builder) {
				b.Ident("privacy_state").WriteString(op).WriteString(fmt.Sprintf("(%d)", bit))
			})).
			Where(entsql.EQ("subject_id", e.Subject.String())).Query()
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return 0, fmt.Errorf("set privacy state in %s: %w", t.Table, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("set privacy state in %s: %w", t.Table, err)
		}
		total += n
	}
	return total, nil
}

// NoticeHash identifies the exact words a purpose's notice has: SHA-256, hex.
func NoticeHash(p *ir.Purpose) string {
	sum := sha256.Sum256([]byte(p.Notice))
	return hex.EncodeToString(sum[:])
}
