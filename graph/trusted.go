package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// settle finds the text of a request that names a registered document, and refuses texts the mode does not allow.
func (g *Gateway) settle(ctx context.Context, r *request) *graphql.Response {
	if !r.overHTTP {
		return nil
	}
	switch {
	case r.document != "":
		return g.byID(ctx, r)
	case r.byGET && g.mode != DocumentsOpen:
		r.needsPOST = true
		return refused(read.CodeBadInput, "a URL names a registered document by documentId: texts are sent by POST, because URLs are kept where no personal data belongs")
	case g.mode == DocumentsOpen:
		return nil
	}
	found, err := g.registered(ctx, digest(r.query))
	switch {
	case err == nil:
		r.registered, r.purpose = true, found.Purpose
		return nil
	case g.mode != DocumentsEnforce:
		g.stranger(ctx, r.query, err)
		return nil
	case errors.Is(err, ErrNoDocument):
		return refused(read.CodeUntrusted, "only registered documents are answered here: send documentId, or register the document with `cloakroom documents add`")
	}
	return g.unknowable(ctx, err)
}

// byID takes the text from the registry. A text that comes along must be the same: a log, or a proxy, that believes the one
// must not be deceived by the other.
func (g *Gateway) byID(ctx context.Context, r *request) *graphql.Response {
	found, err := g.registered(ctx, r.document)
	switch {
	case errors.Is(err, ErrNoDocument) && r.query != "" && g.mode != DocumentsEnforce && r.document == digest(r.query):
		// Clients that would register a text by sending it with its digest are answered, and nothing is registered.
		if g.mode == DocumentsLog {
			g.stranger(ctx, r.query, err)
		}
		return nil
	case errors.Is(err, ErrNoDocument):
		return refused(read.CodeNoDocument, "no document of this id is registered: register it with `cloakroom documents add`; sending a text with its digest registers nothing")
	case err != nil:
		return g.unknowable(ctx, err)
	case r.query != "" && r.query != found.Text:
		return refused(read.CodeBadInput, "query is not the text of the document that is named beside it: leave one of the two out")
	}
	r.query, r.purpose, r.registered = found.Text, found.Purpose, true
	return nil
}

func (g *Gateway) registered(ctx context.Context, id string) (Document, error) {
	if g.documents == nil {
		return Document{}, ErrNoDocument
	}
	return g.documents.Document(ctx, id)
}

// unknowable refuses what cannot be looked up.
func (g *Gateway) unknowable(ctx context.Context, err error) *graphql.Response {
	g.log.WarnContext(ctx, "registered documents cannot be read", "err", err)
	return refused(read.CodeUnavailable, "registered documents cannot be looked up at the moment: try again later")
}

// stranger logs the digest of a text that is not registered, once: the text itself may hold anybody's data.
func (g *Gateway) stranger(ctx context.Context, text string, err error) {
	if !errors.Is(err, ErrNoDocument) {
		g.log.WarnContext(ctx, "registered documents cannot be read", "err", err)
		return
	}
	sum := digest(text)
	if _, logged := g.strangers.Get(ctx, sum); logged {
		return
	}
	g.strangers.Add(ctx, sum, struct{}{})
	g.log.WarnContext(ctx, "a document is not registered: it would be refused in mode enforce", "sha256", sum)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// documentID reads the id of a registered document: a digest, with or without "sha256:", or the name in a manifest. It is not
// repeated anywhere, and looks like an id or is none.
func documentID(id string) (string, bool) {
	id = strings.TrimPrefix(id, "sha256:")
	if id == "" || len(id) > 128 {
		return "", false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_-.:~/+=", rune(c)) {
			return "", false
		}
	}
	return id, true
}
