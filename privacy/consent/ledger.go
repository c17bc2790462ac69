package consent

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
)

// Entry is a decision to be recorded. Art. 7(1): the controller shall be able to demonstrate that the subject has consented.
type Entry struct {
	policy.Withheld

	ID         uuid.UUID // of the line; zero: a new one
	Subject    policy.SubjectID
	Decision   Decision
	Purpose    *ir.Purpose // nil where the decision is about all processing
	At         time.Time
	Method     Method
	Actor      string // BySubject, BySystem, or the role that recorded it
	RecordedBy string // the identity behind the role
	Notice     string // hash of the text shown; empty: the current one, where one is shown
	Shown      *Text  // of an import, the text itself, which whoever records it keeps in the same transaction; nil: Notice names it
	Language   string // BCP 47; empty: the schema's own
	Ground     string // of a restriction, or of an objection that is overruled
	Evidence   string // a reference, e.g. the id of a recorded call; never the recording
	ExpiresAt  time.Time
}

// Line is an entry as the ledger keeps it.
type Line = ent.ConsentEntry

// Ledger records decisions.
type Ledger struct {
	schema  *ir.Schema
	dialect string
	notices Notices
}

// New returns the ledger of a schema on a database of Ent's dialect name.
func New(s *ir.Schema, dialect string, notices Notices) *Ledger {
	return &Ledger{schema: s, dialect: dialect, notices: notices}
}

// Record appends the entry and changes the privacy state of every row of the subject, with client working on tx. When the
// transaction commits, every later read decides by it. It fails with one of the errors above, and then nothing was written.
func (l *Ledger) Record(ctx context.Context, client *ent.Client, tx *sql.Tx, e Entry) (*Line, error) {
	e.At = e.At.UTC().Truncate(time.Microsecond)
	if err := about(e.Decision, e.Purpose); err != nil {
		return nil, err
	}
	text, err := l.shown(ctx, e)
	if err != nil {
		return nil, err
	}
	if !e.ExpiresAt.IsZero() && (e.Decision != Give || !e.ExpiresAt.After(e.At)) {
		return nil, ErrExpired
	}
	ctx = policy.WithCapability(ctx, "consent")
	// The update comes first: it locks the person's rows, so that decisions of one person take effect in the order of their lines.
	if err := l.mark(ctx, tx, e); err != nil {
		return nil, err
	}
	book := l.In(client, tx)
	last, err := book.last(ctx, e.Subject)
	if err != nil {
		return nil, err
	}
	seq := int64(1)
	if last != nil {
		seq = last.Seq + 1
	}
	if err := book.precedent(ctx, e); err != nil {
		return nil, err
	}
	create := client.ConsentEntry.Create().SetSubjectID(e.Subject).SetSeq(seq).SetDecision(e.Decision).SetAt(e.At).SetMethod(e.Method).
		SetActor(e.Actor).SetRecordedBy(e.RecordedBy).SetLanguage(text.Language).SetNoticeVersion(text.Version).SetNoticeHash(text.Hash).
		SetGround(e.Ground).SetEvidence(e.Evidence)
	if e.ID != uuid.Nil {
		create.SetID(e.ID)
	}
	if e.Purpose != nil {
		create.SetPurpose(e.Purpose.Name).SetBit(e.Purpose.Bit)
	}
	if !e.ExpiresAt.IsZero() {
		create.SetExpiresAt(e.ExpiresAt.UTC().Truncate(time.Microsecond))
	}
	line, err := create.Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("append to the consent ledger: %w", err)
	}
	return line, nil
}

// shown is the text that the entry says was shown. Consent is to what was shown, so it must be what holds now (Art. 4(11):
// informed); every other decision may have been made on an older text, or on none.
func (l *Ledger) shown(ctx context.Context, e Entry) (Text, error) {
	switch {
	case e.Purpose == nil:
		return Text{}, nil
	case e.Shown != nil:
		return *e.Shown, nil
	case e.Notice == "" && e.Method != Import && (e.Decision == Give || e.Method == Portal):
		return l.notices.Current(e.Purpose, e.Language), nil
	case e.Notice == "":
		return Text{}, nil
	}
	t, err := l.notices.ByHash(ctx, e.Notice)
	if err != nil {
		return Text{}, err
	}
	if t.Purpose != e.Purpose.Name {
		return Text{}, ErrUnknownNotice
	}
	// What was collected before, elsewhere, was collected on the text of that time.
	if e.Decision == Give && e.Method != Import && l.notices.Current(e.Purpose, t.Language).Hash != t.Hash {
		return Text{}, ErrNoticeChanged
	}
	return t, nil
}

// precedent checks what must have been said before, with the person's rows locked.
func (b Book) precedent(ctx context.Context, e Entry) error {
	// The last line holds. What is brought in from the past comes before what was said since, and must not take its place.
	if e.Method == Import && e.Purpose != nil {
		last, err := b.last(ctx, e.Subject, consententry.Bit(e.Purpose.Bit))
		if err != nil {
			return err
		}
		if last != nil && !e.At.After(last.At) {
			return ErrOlder
		}
	}
	switch e.Decision {
	case OverruleObjection, WithdrawObjection:
		last, err := b.last(ctx, e.Subject, consententry.Bit(e.Purpose.Bit))
		if err != nil {
			return err
		}
		if last == nil || last.Decision != Object {
			return ErrNoObjection
		}
		if e.Decision == OverruleObjection && e.Purpose.DirectMarketing {
			return ErrAbsolute
		}
	case Inform, LiftRestriction:
		last, err := b.last(ctx, e.Subject, consententry.DecisionIn(Restrict, Inform, LiftRestriction))
		if err != nil {
			return err
		}
		if last == nil || last.Decision == LiftRestriction {
			return ErrNotRestricted
		}
		if e.Decision == LiftRestriction && e.Actor != BySubject && last.Decision != Inform {
			return ErrNotTold
		}
	}
	return nil
}
