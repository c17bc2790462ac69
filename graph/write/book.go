package write

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
)

// Book shows the consent ledger to the read path, which knows none of the packages that keep it.
type Book struct {
	Schema   *ir.Schema
	Consents consent.Book
	Notices  consent.Notices
	Receipts Receipts // nil: there are none
	Log      *slog.Logger
}

var _ read.Book = Book{}

// States returns where a person stands now.
func (b Book) States(ctx context.Context, subject policy.SubjectID, now time.Time) ([]read.ConsentState, error) {
	states, err := b.Consents.States(ctx, subject, now)
	return statesOf(states), err
}

// StatesAt returns where a person stood.
func (b Book) StatesAt(ctx context.Context, subject policy.SubjectID, at time.Time) ([]read.ConsentState, error) {
	states, err := b.Consents.StatesAt(ctx, subject, at)
	return statesOf(states), err
}

func statesOf(states []consent.State) []read.ConsentState {
	out := make([]read.ConsentState, len(states))
	for i, s := range states {
		out[i] = read.ConsentState{Purpose: s.Purpose, Given: s.Given, Objected: s.Objected, Last: entryOf(s.Last)}
	}
	return out
}

// entryOf is a line of the ledger; nil for none.
func entryOf(l *consent.Line) *read.ConsentEntry {
	if l == nil {
		return nil
	}
	return &read.ConsentEntry{ID: l.ID, Subject: l.SubjectID, Number: l.Seq, Decision: string(l.Decision), Purpose: l.Purpose, Bit: l.Bit, At: l.At,
		Method: string(l.Method), Actor: l.Actor, Notice: l.NoticeHash, Version: l.NoticeVersion, Language: l.Language,
		Ground: l.Ground, Evidence: l.Evidence, ExpiresAt: l.ExpiresAt}
}

// History returns a page of a person's entries.
func (b Book) History(ctx context.Context, subject policy.SubjectID, p *ir.Purpose, after int64, limit int) ([]read.ConsentEntry, bool, error) {
	lines, more, err := b.Consents.History(ctx, subject, p, after, limit)
	out := make([]read.ConsentEntry, len(lines))
	for i, l := range lines {
		out[i] = *entryOf(l)
	}
	return out, more, err
}

// Restriction returns whether processing is restricted.
func (b Book) Restriction(ctx context.Context, subject policy.SubjectID, now time.Time) (read.Restriction, error) {
	r, err := b.Consents.Restriction(ctx, subject, now)
	return read.Restriction{Restricted: r.Restricted, Since: entryOf(r.Since), Informed: entryOf(r.Informed)}, err
}

// Notice is what people are told of a purpose now.
func (b Book) Notice(p *ir.Purpose, language string) read.NoticeText {
	return read.NoticeText(b.Notices.Current(p, language))
}

// NoticeByHash is what somebody was told.
func (b Book) NoticeByHash(ctx context.Context, hash string) (read.NoticeText, bool, error) {
	t, err := b.Notices.ByHash(ctx, hash)
	if errors.Is(err, consent.ErrUnknownNotice) {
		return read.NoticeText{}, false, nil
	}
	return read.NoticeText(t), err == nil, err
}

// Receipt signs a receipt of an entry. Where the keys cannot be had there is none, and the entry stands all the same.
func (b Book) Receipt(ctx context.Context, e read.ConsentEntry) string {
	if b.Receipts == nil {
		return ""
	}
	r := receipt.Record{Entry: e.ID, Subject: e.Subject, Decision: e.Decision, At: e.At, Method: e.Method, Actor: e.Actor,
		Notice: receipt.Notice{Version: e.Version, SHA256: e.Notice, Language: e.Language}}
	if e.ExpiresAt != nil {
		r.Expires = *e.ExpiresAt
	}
	if e.Bit >= 0 {
		// Only what was shown then and holds now is described as it is now.
		if r.Purpose = b.byBit(e); r.Purpose == nil {
			return ""
		}
		r.AsNow = e.Notice != "" && b.Notices.Current(r.Purpose, e.Language).Hash == e.Notice
	}
	text, err := b.Receipts.Sign(ctx, r)
	if err != nil {
		b.Log.WarnContext(ctx, "a receipt could not be signed: ask for it again", "cause", err)
		return ""
	}
	return text
}

// byBit is the purpose of an entry, if it still has the name and the number of that time.
func (b Book) byBit(e read.ConsentEntry) *ir.Purpose {
	if p := b.Schema.Purpose(e.Purpose); p != nil && p.Bit == e.Bit {
		return p
	}
	return nil
}
