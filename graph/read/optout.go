package read

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// OptOut is a link by which a person opts out of a purpose; empty where nobody said where it would lead. Heeded says that there are
// such links for the purpose. Package optout makes them.
type OptOut func(subject policy.SubjectID, p *ir.Purpose) (url string, heeded bool)

// Errors of unsubscribeLinks.
var (
	errNoLinks = Fail(CodeBadInput, "nobody opts out of this purpose by a link: ask for one whose @lawful names LIST_UNSUBSCRIBE in optOut")
	errNowhere = Fail(CodeUnavailable, "this server does not know where links would lead: the setting public-url names the origin (CLOAKROOM_PUBLIC_URL)")
)

// links answers `unsubscribeLinks`: one for each id of a person's record that the viewer sees for the purpose of the mail.
func (e *Engine) links(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, ids []string) ([]Object, error) {
	p := s.Request.Purpose
	if e.optOut == nil {
		return nil, errNowhere
	}
	switch url, heeded := e.optOut(uuid.Nil, p); {
	case !heeded:
		return nil, errNoLinks
	case url == "":
		return nil, errNowhere
	}
	out := make([]Object, len(ids))
	types, places := e.placesOf(ids, func(t *ir.Type) bool { return t.Subject })
	for _, t := range types {
		people, err := e.people(ctx, s, t, places[t])
		if err != nil {
			return nil, err
		}
		for _, row := range people {
			url, _ := e.optOut(uuidOf(row[1].key()), p)
			for _, i := range places[t][row[0].key()] {
				if out[i], err = e.answer(op, f, linkOf(ids[i], url)); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// people are the ids and the subjects of those rows that exist for the viewer.
func (e *Engine) people(ctx context.Context, s *Session, t *ir.Type, rows map[string][]int) ([][]cell, error) {
	may := policy.RowsOf(t, ir.Read, s.Request)
	if !may.Allowed {
		return nil, nil
	}
	keys := make([]string, 0, len(rows))
	for key := range rows {
		keys = append(keys, key)
	}
	sqls := e.sql()
	lv := &level{typ: t, alias: sqls.alias("t")}
	lv.selects = []fragment{text(column(lv.alias, "id")), text(column(lv.alias, "subject_id"))}
	lv.where = []fragment{sqls.among(column(lv.alias, "id"), func(*run) []string { return keys }), sqls.exist(may, lv.alias)}
	return e.look(ctx, e.db, s, lv)
}

// linkOf is an UnsubscribeLink.
func linkOf(id, url string) record {
	return record{"UnsubscribeLink", func(f graphql.CollectedField) (any, error) {
		switch f.Name {
		case "id":
			return id, nil
		case "url":
			return url, nil
		case "listUnsubscribe":
			return "<" + url + ">", nil
		case "listUnsubscribePost":
			return "List-Unsubscribe=One-Click", nil
		}
		return nil, errNoField
	}}
}
