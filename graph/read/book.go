package read

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Book is what people decided about the use of their data. Package consent keeps it.
type Book interface {
	// States returns where a person stands now towards every purpose that they can decide about.
	States(ctx context.Context, subject policy.SubjectID, now time.Time) ([]ConsentState, error)
	// StatesAt returns where they stood at some moment.
	StatesAt(ctx context.Context, subject policy.SubjectID, at time.Time) ([]ConsentState, error)
	// History returns at most limit of the person's entries after a number, of one purpose or, with nil, of all; more says that there
	// are others.
	History(ctx context.Context, subject policy.SubjectID, p *ir.Purpose, after int64, limit int) (entries []ConsentEntry, more bool, err error)
	// Restriction returns whether the processing of the person's data is restricted.
	Restriction(ctx context.Context, subject policy.SubjectID, now time.Time) (Restriction, error)
	// Notice is what people are told of a purpose now, in a language, or in the schema's own.
	Notice(p *ir.Purpose, language string) NoticeText
	// NoticeByHash is what somebody was told; not ok where no text is known by the hash.
	NoticeByHash(ctx context.Context, hash string) (text NoticeText, ok bool, err error)
	// Receipt is a signed receipt of an entry; empty where none can be had now.
	Receipt(ctx context.Context, e ConsentEntry) string
}

// ConsentState is where a person stands towards one purpose.
type ConsentState struct {
	Purpose  *ir.Purpose
	Given    bool
	Objected bool
	Last     *ConsentEntry // nil before any
}

// ConsentEntry is a line of the ledger.
type ConsentEntry struct {
	policy.Withheld

	ID        uuid.UUID
	Subject   policy.SubjectID
	Number    int64
	Decision  string
	Purpose   string // empty: all processing
	Bit       int    // of the purpose; negative without one
	At        time.Time
	Method    string
	Actor     string
	Notice    string // hash; empty: nothing was shown
	Version   string // of the notice
	Language  string
	Ground    string
	Evidence  string
	ExpiresAt *time.Time
}

// Restriction is whether processing is limited to what the person or the law asks for (GDPR Art. 18(2)).
type Restriction struct {
	Restricted bool
	Since      *ConsentEntry // the entry that restricts; nil where none does
	Informed   *ConsentEntry // that the person was told of the lifting to come; nil before
}

// NoticeText is what people are shown when they are asked about a purpose.
type NoticeText struct{ Purpose, Language, Version, Hash, Body string }
