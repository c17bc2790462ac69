package graph_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// crowd stores n contacts in each country, and returns their ids by country.
func (w *world) crowd(t testing.TB, sizes map[string]int) map[string][]uuid.UUID {
	t.Helper()
	out := map[string][]uuid.UUID{}
	for _, country := range []string{"DE", "FR", "GB", "IS", "NO", "SE"} {
		for i := range sizes[country] {
			out[country] = append(out[country], w.put(t, "Contact", map[string]any{
				"firstName": "Ada", "country": country, "region": "EMEA", "lastActivityAt": today.AddDate(0, -i%3, 0)}))
		}
	}
	return out
}

// groups asks for contactsAggregate with a filter and a selection, as an analyst, and returns the groups as JSON.
func (w *world) groups(t testing.TB, p policy.Principal, where, selection string) string {
	t.Helper()
	r := w.ask(t, p, fmt.Sprintf(`query @for(purpose: ANALYTICS) { contactsAggregate(where: %s) { %s } }`, where, selection)).ok(t)
	b, err := json.Marshal(r.Data["contactsAggregate"])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var createdAt = regexp.MustCompile(`"createdAt":"[^"]*"`)

func analyst(id string) policy.Principal { return policy.Principal{ID: id, Role: "ANALYST"} }

func TestAggregate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.crowd(t, map[string]int{"DE": 12, "FR": 10, "GB": 30})
		account := w.put(t, "Account", map[string]any{"name": "Aurora", "region": "EMEA", "industry": "dairy", "annualRevenue": int64(100000), "employees": int64(7)})
		w.put(t, "Account", map[string]any{"name": "Borealis", "region": "EMEA", "industry": "dairy", "annualRevenue": int64(200001), "employees": int64(8)})
		w.put(t, "Account", map[string]any{"name": "Corona", "region": "APAC", "industry": "energy"})
		w.put(t, "Deal", map[string]any{"name": "milk", "account": account, "amount": int64(50000)})
		for name, c := range map[string]struct{ where, selection, want string }{
			"all":      {`{}`, `count`, `[{"count":52}]`},
			"grouped":  {`{}`, `groupBy { country } count`, `[{"count":12,"groupBy":{"country":"DE"}},{"count":10,"groupBy":{"country":"FR"}},{"count":30,"groupBy":{"country":"GB"}}]`},
			"filtered": {`{country: {in: ["DE", "GB"]}}`, `groupBy { c: country __typename } n: count`, `[{"groupBy":{"__typename":"ContactAggregateGroup","c":"DE"},"n":12},{"groupBy":{"__typename":"ContactAggregateGroup","c":"GB"},"n":30}]`},
			"by month": {`{country: {eq: "GB"}}`, `groupBy { lastActivityAt } count`, `[{"count":10,"groupBy":{"lastActivityAt":"2026-09"}},{"count":10,"groupBy":{"lastActivityAt":"2026-10"}},{"count":10,"groupBy":{"lastActivityAt":"2026-11"}}]`},
			"by year":  {`{}`, `groupBy { lastActivityAt(by: YEAR) } count max { lastActivityAt }`, `[{"count":52,"groupBy":{"lastActivityAt":"2026"},"max":{"lastActivityAt":"2026-11-24T09:00:00Z"}}]`},
		} {
			if got := w.groups(t, analyst(name), c.where, c.selection); got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
		}
		r := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) {
			accountsAggregate { groupBy { industry } count sum { annualRevenue employees } avg { annualRevenue employees } min { annualRevenue employees } max { annualRevenue createdAt } }
			empty: accountsAggregate(where: {name: {eq: "none"}}) { count sum { employees } }
			dealsAggregate { groupBy { account { industry region } } count } }`).ok(t)
		got, err := json.Marshal(r.Data)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"accountsAggregate":[` +
			`{"avg":{"annualRevenue":"15.0001","employees":7.5},"count":2,"groupBy":{"industry":"dairy"},"max":{"annualRevenue":"20.0001","createdAt":null},"min":{"annualRevenue":"10","employees":7},"sum":{"annualRevenue":"30.0001","employees":15}},` +
			`{"avg":{"annualRevenue":null,"employees":null},"count":1,"groupBy":{"industry":"energy"},"max":{"annualRevenue":null,"createdAt":null},"min":{"annualRevenue":null,"employees":null},"sum":{"annualRevenue":null,"employees":null}}],` +
			`"dealsAggregate":[{"count":1,"groupBy":{"account":{"industry":"dairy","region":"EMEA"}}}],"empty":[{"count":0,"sum":{"employees":null}}]}`
		if s := createdAt.ReplaceAllString(string(got), `"createdAt":null`); s != want {
			t.Errorf("%s, want %s", s, want)
		}
	})
}

// Groups of few people are not told, nor can they be worked out from what is.
func TestSmallGroups(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.crowd(t, map[string]int{"DE": 12, "FR": 30, "GB": 40, "IS": 9})
		for name, c := range map[string]struct{ where, selection, want string }{
			"a few": {`{country: {eq: "IS"}}`, `count`, `[]`},
			"none":  {`{country: {eq: "NO"}}`, `count`, `[]`},
			// Iceland has nine, so the next smallest goes too: else all minus the others would be nine people.
			"all but a few": {`{}`, `groupBy { country } count`, `[{"count":30,"groupBy":{"country":"FR"}},{"count":40,"groupBy":{"country":"GB"}}]`},
		} {
			if got := w.groups(t, analyst(name), c.where, c.selection); got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
		}
		few := w.ask(t, analyst("x"), `query @for(purpose: ANALYTICS) { contactsAggregate(where: {country: {eq: "IS"}}) { count } }`)
		none := w.ask(t, analyst("x"), `query @for(purpose: ANALYTICS) { contactsAggregate(where: {country: {eq: "NO"}}) { count } }`)
		if few.raw != none.raw {
			t.Errorf("nine people answer\n%s\nnobody\n%s", few.raw, none.raw)
		}
	})
}

// Groups about nobody are told, whatever else there is.
func TestGroupsAboutNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ids := w.crowd(t, map[string]int{"DE": 3})["DE"]
		for i := range 5 {
			w.put(t, "Deal", map[string]any{"name": "no contact", "stage": "PROSPECTING", "amount": int64(i * 10000)})
		}
		for _, id := range ids {
			w.put(t, "Deal", map[string]any{"name": "of a person", "stage": "CLOSED_WON", "contact": id})
		}
		r := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { dealsAggregate { groupBy { stage } count sum { amount } } }`).ok(t)
		if groups := r.at("dealsAggregate").([]any); len(groups) != 1 || r.at("dealsAggregate.0.groupBy.stage") != "PROSPECTING" || r.at("dealsAggregate.0.count") != 5.0 || r.at("dealsAggregate.0.sum.amount") != "10" {
			t.Error(r.raw)
		}
	})
}

// A row about somebody who is hidden must not be told from a row about nobody: not where the viewer sees some people of the kind, and
// not where they see none.
func TestHiddenPeopleAreLikeNobody(t *testing.T) {
	const readers = `@access(roles: [SALES_MANAGER, MARKETER, ANALYST, PRIVACY_OFFICER, SUPPORT_AGENT, CUSTOMER])
  @access(to: [CREATE, UPDATE], roles: [SALES_MANAGER])
  @access(to: [UPDATE]`
	eachRewritten(t, []string{readers, strings.Replace(readers, "SUPPORT_AGENT, ", "", 1)}, func(t *testing.T, w *world) {
		lead := func(last time.Time) any {
			return w.put(t, "Lead", map[string]any{"lastName": "Noether", "lastActivityAt": last})
		}
		past := lead(today.AddDate(-2, 0, 0)) // nobody sees them any more
		for kind, about := range map[string]func() any{"CALL": func() any { return past }, "EMAIL": func() any { return nil },
			"MEETING": func() any { return lead(today) }} {
			for i := range 12 {
				for _, few := range []string{"INBOUND", "OUTBOUND"} {
					if few == "INBOUND" || i < 3 {
						w.put(t, "Activity", map[string]any{"type": kind, "direction": few, "lead": about(), "occurredAt": today})
					}
				}
			}
		}
		for _, c := range []struct {
			role, purpose, direction, want string
		}{
			{"SALES_MANAGER", "SALES", "INBOUND", `[{"groupBy":{"type":"CALL"},"count":12},{"groupBy":{"type":"EMAIL"},"count":12},{"groupBy":{"type":"MEETING"},"count":12}]`},
			{"SALES_MANAGER", "SALES", "OUTBOUND", `[{"groupBy":{"type":"CALL"},"count":3},{"groupBy":{"type":"EMAIL"},"count":3}]`},
			{"SUPPORT_AGENT", "SUPPORT", "INBOUND", `[{"groupBy":{"type":"CALL"},"count":12},{"groupBy":{"type":"EMAIL"},"count":12},{"groupBy":{"type":"MEETING"},"count":12}]`},
			{"SUPPORT_AGENT", "SUPPORT", "OUTBOUND", `[]`},
		} {
			who := as(c.role)
			who.ID = c.role + c.direction
			r := w.ask(t, who, `query @for(purpose: `+c.purpose+`) { activitiesAggregate(where: {direction: {eq: `+c.direction+`}}) { groupBy { type } count } }`).ok(t)
			if !strings.Contains(r.raw, `"activitiesAggregate":`+c.want+`}`) {
				t.Errorf("%s, %s: %s", c.role, c.direction, r.raw)
			}
		}
	})
}

// Of two aggregates that differ by few people the second is not answered.
func TestDifferencing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.crowd(t, map[string]int{"DE": 20, "FR": 20, "IS": 3})
		spy := analyst("spy")
		if got := w.groups(t, spy, `{}`, `count`); got != `[{"count":43}]` {
			t.Fatal(got)
		}
		if got := w.groups(t, spy, `{country: {in: ["DE", "FR"]}}`, `count`); got != `[]` {
			t.Errorf("all but three: %s", got)
		}
		if got := w.groups(t, spy, `{not: {country: {eq: "IS"}}}`, `count max { lastActivityAt }`); got != `[]` {
			t.Errorf("all but three, asked otherwise: %s", got)
		}
		if got := w.groups(t, spy, `{not: {country: {eq: "FR"}}}`, `count`); got != `[{"count":23}]` {
			t.Errorf("all but twenty: %s", got)
		}
		if got := w.groups(t, spy, `{country: {eq: "DE"}}`, `count`); got != `[]` {
			t.Errorf("those but three: %s", got)
		}
		if got := w.groups(t, spy, `{}`, `c: count max { lastActivityAt }`); got == `[]` {
			t.Errorf("the first question is not answered again: %s", got)
		}
		if got := w.groups(t, analyst("another"), `{country: {eq: "DE"}}`, `count`); got != `[{"count":20}]` {
			t.Errorf("another viewer: %s", got)
		}
		w.now = w.now.AddDate(0, 0, 2)
		if got := w.groups(t, spy, `{country: {eq: "DE"}}`, `count`); got != `[{"count":20}]` {
			t.Errorf("days later: %s", got)
		}
		w.now = today
		greedy := analyst("greedy")
		var last reply
		for i := range 60 {
			last = w.ask(t, greedy, fmt.Sprintf(`query @for(purpose: ANALYTICS) { contactsAggregate(where: {not: {lastActivityAt: {lt: "2026-01-01T00:00:%02dZ"}}}) { count } }`, i))
		}
		if last.code() != read.CodeAggregateBudget {
			t.Errorf("sixty different aggregates: %s", last.raw)
		}
	})
}

// Rows of one person are one person, however many there are.
func TestPeopleAreCountedNotRows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ids := w.crowd(t, map[string]int{"DE": 10})["DE"]
		for i := range 40 {
			w.put(t, "Activity", map[string]any{"type": "CALL", "contact": ids[0], "durationMinutes": int64(i), "occurredAt": today})
		}
		const q = `query @for(purpose: ANALYTICS) { activitiesAggregate { count avg { durationMinutes } } }`
		if r := w.ask(t, analyst("one"), q).ok(t); len(r.at("activitiesAggregate").([]any)) != 0 {
			t.Errorf("forty calls of one person: %s", r.raw)
		}
		for _, id := range ids[1:] {
			w.put(t, "Activity", map[string]any{"type": "CALL", "contact": id, "occurredAt": today})
		}
		if r := w.ask(t, analyst("two"), q).ok(t); r.at("activitiesAggregate.0.count") != float64(49) || r.at("activitiesAggregate.0.avg.durationMinutes") != 19.5 {
			t.Errorf("calls of ten people: %s", r.raw)
		}
		// Without the calls of one of them, the answer would be about nine others, and the difference about one.
		r := w.ask(t, analyst("two"), `query @for(purpose: ANALYTICS) { activitiesAggregate(where: {durationMinutes: {isNull: true}}) { count } }`).ok(t)
		if len(r.at("activitiesAggregate").([]any)) != 0 {
			t.Errorf("calls of the other nine: %s", r.raw)
		}
	})
}

// What is not revealed is not grouped by, and where consent decides, rows without it count as having none.
func TestAggregatesOfHiddenFields(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ids := w.crowd(t, map[string]int{"DE": 12, "FR": 12})
		const q = `query @for(purpose: MARKETING) { contactsAggregate { groupBy { country } count } }`
		if r := w.ask(t, as("MARKETER"), q).ok(t); r.at("contactsAggregate.0.groupBy.country") != nil || r.at("contactsAggregate.0.count") != float64(24) {
			t.Errorf("without consent: %s", r.raw)
		}
		for _, id := range ids["DE"] {
			w.setState(t, "Contact", id, policy.PurposeBit(w.Schema().Purpose("MARKETING")))
		}
		other := as("MARKETER")
		other.ID = "another"
		if r := w.ask(t, other, q).ok(t); r.at("contactsAggregate.0.groupBy.country") != "DE" || r.at("contactsAggregate.0.count") != float64(12) || r.at("contactsAggregate.1.groupBy.country") != nil {
			t.Errorf("with the consent of one country: %s", r.raw)
		}
		if r := w.ask(t, as("SALES_REP"), `query @for(purpose: SALES) { campaignsAggregate { sum { budget } } }`); r.code() != read.CodeFieldNotQueryable {
			t.Errorf("a hidden field: %s", r.raw)
		}
	})
}
