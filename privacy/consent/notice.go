package consent

import (
	"context"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Text is what a person is shown when they are asked about a purpose, to the byte.
type Text struct {
	Purpose  string
	Language string // BCP 47
	Version  string
	Hash     string // SHA-256 of Body, hex
	Body     string
}

// Notices knows the texts that people are and were shown.
type Notices interface {
	// Current returns the text of a purpose in a language, or in the first of the schema's where there is none in it.
	Current(p *ir.Purpose, language string) Text
	// ByHash returns the text with that hash, whenever it was shown, or ErrUnknownNotice.
	ByHash(ctx context.Context, hash string) (Text, error)
}

// Current is the text about a purpose that people are shown now.
func (l *Ledger) Current(p *ir.Purpose, language string) Text { return l.notices.Current(p, language) }
