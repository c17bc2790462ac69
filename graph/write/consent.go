package write

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// consent gives or withdraws consent: subjects for themselves (withdrawing is as easy as giving, Art. 7(3)), staff whose
// role has CONSENT on the subject's type for a person they may see.
func (e *Engine) consent(ctx context.Context, s *read.Session, args map[string]any, give bool) (read.Object, error) {
	in := input(args)
	name, _ := in["purpose"].(string)
	purpose := e.Schema.Purpose(name)
	if purpose == nil || !purpose.ByConsent() {
		return read.Object{}, read.FailField(read.CodeBadInput, "purpose", "this purpose does not rest on consent")
	}
	entry := consent.Entry{Purpose: purpose, Give: give, At: s.Now}
	entry.Method, _ = in["method"].(string)
	entry.Evidence, _ = in["evidence"].(string)
	entry.NoticeVersion, _ = in["noticeVersion"].(string)

	var err error
	if entry.ID, err = e.NewID(); err != nil {
		return read.Object{}, err
	}
	var state read.ConsentState
	err = e.Within(ctx, func(w Writing) error {
		if err := e.whose(ctx, w.Tx, s, in["subject"], &entry); err != nil {
			return err
		}
		was, done, err := e.claim(ctx, w, s, entry.ID)
		if err != nil {
			return err
		}
		entry.ID = was
		if !done {
			err = e.Ledger.Record(w, w.Client, w.Tx, entry)
		}
		if errors.Is(err, consent.ErrUnknownSubject) {
			return errNotFound
		}
		if err != nil {
			return err
		}
		w.Standing(entry.Subject)
		w.MustBeSeen(e.Ledger.Has(entry.ID))
		states, err := e.Ledger.States(ctx, w.Client, w.Tx, entry.Subject)
		if err != nil {
			return err
		}
		for _, st := range states {
			if st.Purpose == purpose {
				state = read.ConsentState(st)
			}
		}
		return nil
	})
	if err != nil {
		return read.Object{}, err
	}
	return e.Reads.Payload(ctx, "ConsentPayload", map[string]read.Part{
		"consent": {Consent: &state},
		"entryId": {Text: read.EncodeID("ConsentEntry", entry.ID)},
	})
}

// whose settles the subject, the actor and the default method of an entry.
func (e *Engine) whose(ctx context.Context, tx *sql.Tx, s *read.Session, raw any, entry *consent.Entry) error {
	if s.Principal.IsSubject() {
		entry.Subject, entry.Actor = s.Principal.Subject, "subject"
		if entry.Method == "" {
			entry.Method = "self-service"
		}
		if raw == nil {
			return nil
		}
	}
	text, _ := raw.(string)
	if text == "" {
		return read.FailField(read.CodeBadInput, "subject", "name the person by the id of one of their records")
	}
	typ, row, err := read.DecodeID(text)
	t := e.Schema.Type(typ)
	if err != nil || t == nil || !t.Subject {
		return errNotFound
	}
	ops := []ir.Op{ir.Read}
	if !s.Principal.IsSubject() {
		if err := refusal(policy.RowsOf(t, ir.ConsentOp, s.Request)); err != nil {
			return err
		}
		ops = append(ops, ir.ConsentOp)
		entry.Actor = s.Principal.Role
		if entry.Method == "" {
			return read.FailField(read.CodeBadInput, "method", `say how the person expressed it, for example "telephone"`)
		}
	}
	ok, err := e.Reads.Exists(ctx, tx, s, t, row, ops)
	if err != nil {
		return err
	}
	if !ok {
		return missing(t, s.Request, ops...)
	}
	subject, err := SubjectOf(ctx, tx, e.Dialect, t, row)
	if err != nil {
		return fmt.Errorf("find the person of a record: %w", err)
	}
	entry.Subject = subject
	return nil
}
