package write

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// decision is a mutation by which a person, or staff for them, decides about the use of their data.
type decision struct {
	consent.Decision
	// staff says that it is nothing a person does themselves.
	staff bool
	// proven says that staff must name evidence. Whatever lets more be done with data needs it; what stops it never waits for paper.
	proven bool
}

var decisions = map[string]decision{
	"giveConsent":        {consent.Give, false, true},
	"withdrawConsent":    {consent.Withdraw, false, false},
	"objectTo":           {consent.Object, false, false},
	"withdrawObjection":  {consent.WithdrawObjection, false, true},
	"overruleObjection":  {consent.OverruleObjection, true, true},
	"restrictProcessing": {consent.Restrict, false, false},
	"informOfLifting":    {consent.Inform, true, true},
	"liftRestriction":    {consent.LiftRestriction, false, true},
}

// decide records a decision: of subjects for themselves (withdrawing is as easy as giving, Art. 7(3)), and of staff whose role has
// CONSENT on the subject's type for a person they may see.
func (e *Engine) decide(ctx context.Context, s *read.Session, args map[string]any, d decision) (read.Object, error) {
	in := input(args)
	entry, err := e.entry(s, in, d)
	if err != nil {
		return read.Object{}, err
	}
	if entry.ID, err = e.NewID(); err != nil {
		return read.Object{}, err
	}
	var (
		line  *consent.Line
		parts map[string]read.Part
	)
	err = e.Within(ctx, func(w Writing) error {
		if entry.Subject, err = e.whose(ctx, w.Tx, s, in["subject"]); err != nil {
			return err
		}
		was, done, err := e.claim(ctx, w, s, entry.ID)
		if err != nil {
			return err
		}
		entry.ID = was
		ledger := e.Ledger.In(w.Client, w.Tx)
		if done {
			line, err = ledger.Line(w, entry.ID)
		} else {
			line, err = e.Ledger.Record(w, w.Client, w.Tx, entry)
		}
		if err != nil {
			return refused(err)
		}
		w.Standing(entry.Subject)
		w.MustBeSeen(e.Ledger.Has(entry.ID))
		parts, err = e.outcome(w, Book{Consents: ledger}, s, entry)
		return err
	})
	if err != nil {
		return read.Object{}, err
	}
	parts["entry"], parts["entryId"] = e.Reads.EntryPart(ctx, entryOf(line)), read.Part{Value: read.EncodeID("ConsentEntry", line.ID)}
	if entry.Purpose == nil {
		return e.Reads.Payload(ctx, "RestrictionPayload", parts)
	}
	return e.Reads.Payload(ctx, "ConsentPayload", parts)
}

// outcome is where the person stands once the entry is recorded.
func (e *Engine) outcome(ctx context.Context, book Book, s *read.Session, entry consent.Entry) (map[string]read.Part, error) {
	if entry.Purpose == nil {
		r, err := book.Restriction(ctx, entry.Subject, s.Now)
		return map[string]read.Part{"restriction": e.Reads.RestrictionPart(r)}, err
	}
	states, err := book.States(ctx, entry.Subject, s.Now)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(states, func(st read.ConsentState) bool { return st.Purpose == entry.Purpose })
	return map[string]read.Part{"consent": e.Reads.StatePart(ctx, states[i])}, nil
}

// told reads what an input says, but for whose it is.
func (e *Engine) told(s *read.Session, in map[string]any, d consent.Decision) (consent.Entry, error) {
	text := func(name string) string {
		v, _ := in[name].(string)
		return strings.TrimSpace(v)
	}
	entry := consent.Entry{Decision: d, At: s.Now, Method: consent.Method(text("method")), Actor: s.Principal.Role, RecordedBy: s.Principal.ID,
		Notice: strings.ToLower(text("notice")), Language: text("language"), Evidence: text("evidence"), Ground: text("ground") + text("grounds")}
	if name, asked := in["purpose"].(string); asked {
		entry.Purpose = e.Schema.Purpose(name)
		if entry.Purpose == nil {
			return entry, read.FailField(read.CodeBadInput, "purpose", "no such purpose")
		}
		if d == consent.Object && entry.Purpose.ByConsent() && entry.Purpose.DirectMarketing {
			entry.Decision = consent.Withdraw // Art. 21(2) gives a right against all direct marketing, whatever it rests on
		}
	}
	if raw := text("expiresAt"); raw != "" {
		at, err := time.Parse(time.RFC3339Nano, raw)
		if err != nil {
			return entry, read.FailField(read.CodeBadInput, "expiresAt", "want a date and time as in RFC 3339, such as 2027-03-01T00:00:00Z")
		}
		entry.ExpiresAt = at
	}
	for name, v := range map[string]string{"evidence": entry.Evidence, "grounds": entry.Ground} {
		if len(v) > maxReference {
			return entry, read.FailField(read.CodeBadInput, name, fmt.Sprintf("at most %d bytes: a reference, not the thing itself", maxReference))
		}
	}
	return entry, nil
}

// entry reads an input as a decision, but for whose it is.
func (e *Engine) entry(s *read.Session, in map[string]any, d decision) (consent.Entry, error) {
	entry, err := e.told(s, in, d.Decision)
	if err != nil {
		return entry, err
	}
	if s.Principal.IsSubject() {
		if d.staff {
			return entry, read.Fail(read.CodeForbidden, "this is not for people to do themselves")
		}
		if entry.Method != "" && entry.Method != consent.Portal {
			return entry, read.FailField(read.CodeBadInput, "method", "leave it out: you say it yourself")
		}
		entry.Method, entry.Actor, entry.RecordedBy = consent.Portal, consent.BySubject, ""
		return entry, nil
	}
	// What nobody could prove is not recorded as said. What stops the use of data never waits for paper.
	if !d.staff || d.Decision == consent.Inform {
		if !slices.Contains(consent.OnBehalf(), entry.Method) {
			return entry, read.FailField(read.CodeBadInput, "method", "say how the person expressed it: FORM, TELEPHONE, LETTER, EMAIL or IN_PERSON")
		}
	} else {
		entry.Method = consent.Form // a decision of the controller's own, on file
	}
	if d.proven && entry.Evidence == "" {
		return entry, read.FailField(read.CodeBadInput, "evidence", "name what proves it: the number of a form, of a letter, of a recorded call")
	}
	if d.Decision == consent.OverruleObjection && entry.Ground == "" {
		return entry, read.FailField(read.CodeBadInput, "grounds", "name the compelling legitimate grounds (GDPR Art. 21(1))")
	}
	return entry, nil
}

// maxReference bounds what cannot be taken away again.
const maxReference = 500

// refused makes an error of the ledger one that clients may see.
func refused(err error) error {
	switch {
	case errors.Is(err, consent.ErrUnknownSubject):
		return errNotFound
	case errors.Is(err, consent.ErrNotByConsent), errors.Is(err, consent.ErrNotObjectable):
		return read.FailField(read.CodeBadInput, "purpose", err.Error())
	case errors.Is(err, consent.ErrExpired):
		return read.FailField(read.CodeBadInput, "expiresAt", err.Error())
	case errors.Is(err, consent.ErrUnknownNotice), errors.Is(err, consent.ErrNoticeChanged):
		return read.FailField(read.CodeBadInput, "notice", err.Error())
	case errors.Is(err, consent.ErrAbsolute), errors.Is(err, consent.ErrNoObjection), errors.Is(err, consent.ErrNotRestricted), errors.Is(err, consent.ErrNotTold):
		return read.Fail(read.CodeConflict, err.Error())
	}
	return err
}

// whose settles whom a decision is about.
func (e *Engine) whose(ctx context.Context, tx *sql.Tx, s *read.Session, raw any) (policy.SubjectID, error) {
	if s.Principal.IsSubject() && raw == nil {
		return s.Principal.Subject, nil
	}
	text, _ := raw.(string)
	if text == "" {
		return uuid.Nil, read.FailField(read.CodeBadInput, "subject", "name the person by the id of one of their records")
	}
	typ, row, err := read.DecodeID(text)
	t := e.Schema.Type(typ)
	if err != nil || t == nil || !t.Subject {
		return uuid.Nil, errNotFound
	}
	ops := []ir.Op{ir.Read}
	if !s.Principal.IsSubject() {
		if err := refusal(policy.RowsOf(t, ir.ConsentOp, s.Request)); err != nil {
			return uuid.Nil, err
		}
		ops = append(ops, ir.ConsentOp)
	}
	ok, err := e.Reads.Exists(ctx, tx, s, t, row, ops)
	if err != nil {
		return uuid.Nil, err
	}
	if !ok {
		return uuid.Nil, missing(t, s.Request, ops...)
	}
	subject, err := SubjectOf(ctx, tx, e.Dialect, t, row)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find the person of a record: %w", err)
	}
	return subject, nil
}
