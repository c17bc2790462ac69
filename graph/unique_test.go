package graph_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// A value that must be unique is refused when the viewer can see who has it, and else says nothing.
func TestUniqueSaysNothingOfHiddenRows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		put := func(no, region string) (id string) {
			return read.EncodeID("Contact", w.put(t, "Contact", map[string]any{"externalId": no, "firstName": "Ada", "region": region, "lastActivityAt": today}))
		}
		own, foreign := put("E-1", "EMEA"), put("A-1", "APAC")
		restricted := w.put(t, "Contact", map[string]any{"externalId": "E-2", "region": "EMEA", "lastActivityAt": today})
		w.setState(t, "Contact", restricted, policy.Restricted)
		rep := as("SALES_REP", "region", "EMEA")
		create := func(p policy.Principal, no string) reply {
			return w.ask(t, p, fmt.Sprintf(`mutation @for(purpose: SALES) { createContact(input: {externalId: %q, firstName: "Eve", region: "EMEA"}) { contact { externalId firstName } } }`, no))
		}
		if r := create(rep, "E-1"); r.code() != read.CodeConflict || r.Errs[0].Extensions["field"] != "externalId" || strings.Contains(r.raw, "E-1") {
			t.Errorf("a number of somebody in sight: %s", r.raw)
		}
		free := create(rep, "F-1").ok(t)
		for _, no := range []string{"A-1", "E-2"} {
			if r := create(rep, no).ok(t); strings.ReplaceAll(r.raw, no, "F-1") != free.raw {
				t.Errorf("a number of somebody hidden answers\n%s\nand a free one\n%s", r.raw, free.raw)
			}
		}
		if r := create(rep, "A-1"); r.code() != read.CodeConflict {
			t.Errorf("the viewer's own new number: %s", r.raw)
		}
		if r := create(as("SALES_MANAGER"), "A-1"); r.code() != read.CodeConflict {
			t.Errorf("a number of two records: %s", r.raw)
		}
		update := func(id, no string) reply {
			return w.ask(t, rep, fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {externalId: %s}) { contact { externalId } } }`, id, no))
		}
		if r := update(own, `"F-1"`); r.code() != read.CodeConflict {
			t.Errorf("changed to a number in sight: %s", r.raw)
		}
		for _, no := range []string{`"E-1"`, `"E-3"`, `null`, `"E-1"`} {
			if r := update(own, no); len(r.Errs) > 0 {
				t.Errorf("changed to %s: %s", no, r.raw)
			}
		}
		// Imports find the first.
		bulk := w.Bulk()
		contact := w.Schema().Type("Contact")
		found, err := bulk.Find(context.Background(), contact, contact.Field("externalId"), []any{"A-1"})
		if err != nil || read.EncodeID("Contact", found["A-1"]) != foreign {
			t.Errorf("an import takes %v for A-1, which was %s first: %v", found, foreign, err)
		}
	})
}
