package read

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
)

// stateOf is a ConsentState.
func (e *Engine) stateOf(ctx context.Context, st ConsentState) record {
	return record{"ConsentState", func(f graphql.CollectedField) (any, error) {
		switch f.Name {
		case "purpose":
			return st.Purpose.Name, nil
		case "basis":
			return st.Purpose.Basis.String(), nil
		case "directMarketing":
			return st.Purpose.DirectMarketing, nil
		case "notice":
			language, _ := Arguments(f, graphql.GetOperationContext(ctx).Variables)["language"].(string)
			return noticeOf(e.book.Notice(st.Purpose, language)), nil
		case "given":
			return st.Given, nil
		case "objected":
			return st.Objected, nil
		case "noticeChanged":
			return st.Given && st.Last != nil && st.Last.Notice != e.book.Notice(st.Purpose, st.Last.Language).Hash, nil
		}
		if st.Last == nil {
			return nil, nil
		}
		switch f.Name {
		case "at":
			return st.Last.At, nil
		case "expiresAt":
			return momentOr(st.Last.ExpiresAt), nil
		case "last":
			return e.entryOf(ctx, st.Last), nil
		}
		return nil, errNoField
	}}
}

func (e *Engine) statesOf(ctx context.Context, states []ConsentState) []record {
	out := make([]record, len(states))
	for i, st := range states {
		out[i] = e.stateOf(ctx, st)
	}
	return out
}

func momentOr(t *time.Time) any {
	if t == nil {
		return nil
	}
	return *t
}

// noticeOf is a NoticeText.
func noticeOf(t NoticeText) record {
	return record{"NoticeText", func(f graphql.CollectedField) (any, error) {
		switch f.Name {
		case "hash":
			return t.Hash, nil
		case "purpose":
			return t.Purpose, nil
		case "language":
			return t.Language, nil
		case "version":
			return t.Version, nil
		case "text":
			return t.Body, nil
		}
		return nil, errNoField
	}}
}

// entryOf is a ConsentEntry.
func (e *Engine) entryOf(ctx context.Context, line *ConsentEntry) record {
	return record{"ConsentEntry", func(f graphql.CollectedField) (any, error) {
		switch f.Name {
		case "id":
			return EncodeID("ConsentEntry", line.ID), nil
		case "number":
			return line.Number, nil
		case "decision":
			return line.Decision, nil
		case "purpose":
			return textOr(line.Purpose), nil
		case "at":
			return line.At, nil
		case "method":
			return line.Method, nil
		case "actor":
			return line.Actor, nil
		case "notice":
			return e.textBy(ctx, line.Notice)
		case "ground":
			return textOr(line.Ground), nil
		case "evidence":
			return textOr(line.Evidence), nil
		case "expiresAt":
			return momentOr(line.ExpiresAt), nil
		case "receipt":
			return textOr(e.book.Receipt(ctx, *line)), nil
		}
		return nil, errNoField
	}}
}

// textBy is the NoticeText with that hash, or null.
func (e *Engine) textBy(ctx context.Context, hash string) (any, error) {
	if hash == "" {
		return nil, nil
	}
	s, err := SessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	if known, ok := s.texts.Load(hash); ok {
		return known, nil
	}
	t, ok, err := e.book.NoticeByHash(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("read a notice: %w", err)
	}
	if !ok {
		return nil, nil
	}
	text := noticeOf(t)
	s.texts.Store(hash, text)
	return text, nil
}

// restrictionOf is a RestrictionState.
func restrictionOf(r Restriction) record {
	return record{"RestrictionState", func(f graphql.CollectedField) (any, error) {
		switch {
		case f.Name == "restricted":
			return r.Restricted, nil
		case f.Name == "since" && r.Since != nil:
			return r.Since.At, nil
		case f.Name == "ground" && r.Since != nil:
			return textOr(r.Since.Ground), nil
		case f.Name == "informedAt" && r.Informed != nil:
			return r.Informed.At, nil
		}
		return nil, nil
	}}
}

// StatePart is a field of a payload that shows where a person stands.
func (e *Engine) StatePart(ctx context.Context, st ConsentState) Part {
	return Part{Value: e.stateOf(ctx, st)}
}

// RestrictionPart is a field of a payload that shows whether processing is restricted.
func (e *Engine) RestrictionPart(r Restriction) Part { return Part{Value: restrictionOf(r)} }

// EntryPart is a field of a payload that shows a line of the ledger.
func (e *Engine) EntryPart(ctx context.Context, line *ConsentEntry) Part {
	return Part{Value: e.entryOf(ctx, line)}
}

// standing answers `consents`.
func (e *Engine) standing(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField) ([]Object, error) {
	args := Arguments(f, op.Variables)
	subject, err := e.person(ctx, s, args["subject"])
	if err != nil {
		return nil, err
	}
	var states []ConsentState
	if raw, asked := args["at"].(string); asked {
		at, bad := time.Parse(time.RFC3339Nano, raw)
		if bad != nil {
			return nil, FailField(CodeBadInput, "at", "want a date and time as in RFC 3339, such as 2026-03-01T00:00:00Z")
		}
		states, err = e.book.StatesAt(ctx, subject, at)
	} else {
		states, err = e.book.States(ctx, subject, s.Now)
	}
	if err != nil {
		return nil, fmt.Errorf("read consents: %w", err)
	}
	out := make([]Object, len(states))
	for i, st := range states {
		if out[i], err = e.answer(op, f, e.stateOf(ctx, st)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// history answers `consentHistory`.
func (e *Engine) history(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField) (Object, error) {
	args := Arguments(f, op.Variables)
	subject, err := e.person(ctx, s, args["subject"])
	if err != nil {
		return Object{}, err
	}
	name, _ := args["purpose"].(string)
	p := e.schema.Purpose(name)
	limit, err := e.limitOf(args)
	if err != nil {
		return Object{}, err
	}
	bind := digest([]string{f.Name, s.Principal.ID, s.Request.Role.Name, s.Request.Purpose.Name, subject.String(), name})
	var from int64
	if cursor, ok := args["after"].(string); ok {
		k, err := e.cursors.open(cursor, bind, 1, s.Now)
		if err != nil {
			return Object{}, err
		}
		from, _ = k.Values[0].(int64)
	}
	lines, more, err := e.book.History(ctx, subject, p, from, limit)
	if err != nil {
		return Object{}, err
	}
	at := func(line ConsentEntry) (any, error) {
		return e.cursors.seal(keyset{ID: uuid.Nil.String(), Values: []any{line.Number}}, bind, s.Now)
	}
	page := record{"PageInfo", func(f graphql.CollectedField) (any, error) {
		switch {
		case f.Name == "hasNextPage":
			return more, nil
		case f.Name == "hasPreviousPage":
			return from > 0, nil
		case len(lines) == 0:
			return nil, nil
		case f.Name == "startCursor":
			return at(lines[0])
		default:
			return at(lines[len(lines)-1])
		}
	}}
	return e.answer(op, f, record{"ConsentHistory", func(f graphql.CollectedField) (any, error) {
		if f.Name == "pageInfo" {
			return page, nil
		}
		nodes := make([]record, len(lines))
		for i, line := range lines {
			nodes[i] = e.entryOf(ctx, &line)
		}
		return nodes, nil
	}})
}

// limitOf reads `first` of a list that is only walked forwards.
func (e *Engine) limitOf(args map[string]any) (int, error) {
	n, asked := intArg(args["first"])
	switch {
	case !asked:
		return e.pageSize, nil
	case n < 1:
		return 0, FailField(CodeBadInput, "first", "want at least 1")
	case n > e.maxPage:
		return 0, FailField(CodePageTooLarge, "first", fmt.Sprintf("a page has at most %d rows: ask for the rest with after", e.maxPage))
	}
	return n, nil
}

// restricted answers `restriction`.
func (e *Engine) restricted(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField) (Object, error) {
	subject, err := e.person(ctx, s, Arguments(f, op.Variables)["subject"])
	if err != nil {
		return Object{}, err
	}
	r, err := e.book.Restriction(ctx, subject, s.Now)
	if err != nil {
		return Object{}, err
	}
	return e.answer(op, f, restrictionOf(r))
}

// noticeText answers the root field of that name. What people are told is no secret.
func (e *Engine) noticeText(ctx context.Context, op *graphql.OperationContext, f graphql.CollectedField) (Object, error) {
	hash, _ := Arguments(f, op.Variables)["hash"].(string)
	v, err := e.textBy(ctx, strings.ToLower(hash))
	if err != nil || v == nil {
		return Object{}, err
	}
	return e.answer(op, f, v.(record))
}
