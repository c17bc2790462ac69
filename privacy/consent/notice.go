package consent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

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

// InSchema are the notices as the schema has them.
func InSchema(s *ir.Schema) Notices { return inSchema{s} }

type inSchema struct{ schema *ir.Schema }

func (n inSchema) Current(p *ir.Purpose, _ string) Text {
	sum := sha256.Sum256([]byte(p.Notice))
	hash := hex.EncodeToString(sum[:])
	return Text{Purpose: p.Name, Language: "en", Version: hash[:12], Hash: hash, Body: p.Notice}
}

func (n inSchema) ByHash(_ context.Context, hash string) (Text, error) {
	for _, p := range n.schema.Purposes {
		if t := n.Current(p, ""); t.Hash == hash {
			return t, nil
		}
	}
	return Text{}, ErrUnknownNotice
}
