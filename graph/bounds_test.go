package graph_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// An answer is bounded by its pages, before anything is read for it.
func TestAnswersAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(t, "Contact", ada)
		nested := func(levels, first int) string {
			return fmt.Sprintf(`query @for(purpose: SALES) { contacts(first: %d) { nodes {`, first) + strings.Repeat(fmt.Sprintf(` account { contacts(first: %d) { nodes {`, first), levels) +
				` id firstName ` + strings.Repeat(`} } }`, levels) + ` } } }`
		}
		w.statements()
		for _, c := range []struct {
			levels, first int
			code          string
		}{{0, 1000, ""}, {1, 500, ""}, {1, 1000, read.CodeCostExceeded}, {2, 50, ""}, {3, 50, read.CodeCostExceeded}, {12, 50, read.CodeCostExceeded}, {20, 1000, read.CodeCostExceeded}} {
			r := w.ask(t, as("SALES_MANAGER"), nested(c.levels, c.first))
			if sql := w.statements(); r.code() != c.code || c.code != "" && len(sql) > 0 {
				t.Errorf("%d levels of %d: %s, %d statements", c.levels, c.first, r.raw, len(sql))
			}
		}
		ids := make([]any, 1000)
		for i := range ids {
			ids[i] = read.EncodeID("Contact", demoID(fmt.Sprint("Contact/", i)))
		}
		const nodes = `query($ids: [ID!]!) @for(purpose: SALES) { nodes(ids: $ids) { ... on Contact { activities(first: 1000) { nodes { id } } } } }`
		if r := w.ask(t, as("SALES_MANAGER"), nodes, "ids", ids[:10]); len(r.Errs) > 0 {
			t.Errorf("ten people's activities: %s", r.raw)
		}
		if r := w.ask(t, as("SALES_MANAGER"), nodes, "ids", ids); r.code() != read.CodeCostExceeded {
			t.Errorf("a thousand people's activities: %s", r.code())
		}
	})
}

// What needs a consent to be shown needs it to be kept.
func TestNothingIsKeptWithoutItsConsent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		row := w.put(t, "Contact", ada)
		id := read.EncodeID("Contact", row)
		agent := as("SUPPORT_AGENT")
		set := func(value string) reply {
			return w.ask(t, agent, fmt.Sprintf(`mutation { updateContact(id: %q, input: {accessibilityNeeds: %s}) { contact { accessibilityNeeds } } }`, id, value))
		}
		if r := set(`"large print"`); r.code() != read.CodeConsentRequired {
			t.Errorf("without consent: %s", r.raw)
		}
		w.setState(t, "Contact", row, policy.PurposeBit(w.Schema().Purpose("ACCESSIBILITY")))
		if r := set(`"large print"`).ok(t); r.at("updateContact.contact.accessibilityNeeds") != "large print" {
			t.Errorf("with consent: %s", r.raw)
		}
		w.setState(t, "Contact", row, 0)
		if r := set(`"small print"`); r.code() != read.CodeConsentRequired {
			t.Errorf("after withdrawal: %s", r.raw)
		}
		set(`null`).ok(t)
		w.setState(t, "Contact", row, policy.PurposeBit(w.Schema().Purpose("ACCESSIBILITY")))
		r := w.ask(t, agent, fmt.Sprintf(`query { contact(id: %q) { accessibilityNeeds } }`, id)).ok(t)
		if r.at("contact.accessibilityNeeds") != nil {
			t.Errorf("what was taken back is still there: %s", r.raw)
		}
	})
}

// Nobody keeps a record for good by putting the beginning of its period into the future.
func TestPeriodsDoNotBeginInTheFuture(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := read.EncodeID("Contact", w.put(t, "Contact", ada))
		for at, code := range map[time.Time]string{today: "", today.Add(time.Hour): "", today.AddDate(0, 0, 3): read.CodeBadInput, today.AddDate(900, 0, 0): read.CodeBadInput} {
			r := w.ask(t, as("SALES_REP", "region", "EMEA"), fmt.Sprintf(`mutation { updateContact(id: %q, input: {lastActivityAt: %q}) { contact { id } } }`, id, at.Format(time.RFC3339)))
			if r.code() != code {
				t.Errorf("%s: %s", at, r.raw)
			}
		}
	})
}
