package graph

import (
	"context"
	"errors"
)

// Documents are the operations that were registered beforehand: trusted documents. Nothing a sender writes gets into them,
// there is no automatic registration: it would let everybody choose what is kept, and what is trusted.
type Documents interface {
	// Document returns the registered document of an id: the SHA-256 of its text in lower-case hexadecimal digits, or the
	// name that its manifest gave it. ErrNoDocument says that there is none, any other error that it cannot be known now.
	// The text of one id never changes, so whoever asks may keep what it parsed.
	Document(ctx context.Context, id string) (Document, error)
}

// Document is one registered operation text.
type Document struct {
	Text    string
	Purpose string // what it was registered for, and applies where the text has no @for; empty: it says so itself, or the role has one
}

// ErrNoDocument says that no document of that id is registered.
var ErrNoDocument = errors.New("no such document is registered")

// DocumentMode says which texts are answered over HTTP. In process, through Do, any is: whoever calls it holds the database.
type DocumentMode uint8

const (
	DocumentsEnforce DocumentMode = iota // registered documents only; the zero value, because it is the strict one
	DocumentsLog                         // any text, and the digests of those that are not registered go to the log
	DocumentsOpen                        // any text, by GET as well: for development
)
