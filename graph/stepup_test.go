package graph_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

const deletion = `mutation($id: ID!) @for(purpose: SALES) { deleteContact(id: $id) { deletedId } }`

func TestADeletionNeedsAStepUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := read.EncodeID("Contact", w.put(t, "Contact", ada))
		session := func(aal int, age time.Duration) policy.Principal {
			p := as("SALES_MANAGER")
			p.AAL, p.AuthenticatedAt = aal, w.now.Add(-age)
			return p
		}
		unknown := session(2, 0)
		unknown.AuthenticatedAt = time.Time{}
		for name, p := range map[string]policy.Principal{
			"one factor":              session(1, 0),
			"nobody knows how":        session(0, 0),
			"two factors, long ago":   session(2, time.Hour),
			"nobody knows when":       unknown,
			"signed in some day soon": session(2, -time.Hour),
		} {
			r := w.ask(t, p, deletion, "id", id)
			if r.code() != read.CodeStepUpRequired || !strings.Contains(r.raw, `"aal":2`) || !strings.Contains(r.raw, `"freshWithin":"PT15M"`) {
				t.Errorf("%s: %s", name, r.raw)
			}
			// What is missing is told before anybody looks for the row.
			if gone := w.ask(t, p, deletion, "id", read.EncodeID("Contact", uuid.New())); gone.raw != r.raw {
				t.Errorf("%s: a row that is there and one that is not differ: %s %s", name, r.raw, gone.raw)
			}
		}
		if r := w.ask(t, as("SALES_REP", "region", "EMEA"), deletion, "id", id); r.code() != read.CodeForbidden {
			t.Errorf("who may not delete is told to sign in again: %s", r.raw)
		}
		w.ask(t, session(2, 14*time.Minute), deletion, "id", id).ok(t)
	})
}
