package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/event"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// feed is an open subscription.
type feed struct {
	*graph.Stream
	t   testing.TB
	ctx context.Context
	mu  sync.Mutex
	who policy.Principal
	err error
}

// subscribe opens a subscription of p.
func (w *world) subscribe(t testing.TB, p policy.Principal, query string, vars ...any) *feed {
	t.Helper()
	f := &feed{t: t, who: p}
	variables := map[string]any{}
	for i := 0; i+1 < len(vars); i += 2 {
		variables[vars[i].(string)] = vars[i+1]
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	var cancel context.CancelFunc
	f.ctx, cancel = context.WithCancel(context.Background())
	t.Cleanup(cancel)
	f.Stream, err = w.Open(policy.WithPrincipal(f.ctx, p), body, nil, func(context.Context) (policy.Principal, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.who, f.err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// become changes who the session says is asking.
func (f *feed) become(p policy.Principal, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.who, f.err = p, err
}

// next is the next answer.
func (f *feed) next() string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, 5*time.Second)
	defer cancel()
	resp, err := f.Next(ctx, nil)
	switch {
	case errors.Is(err, io.EOF):
		return "EOF"
	case err != nil:
		return "nothing"
	case len(resp.Errors) > 0:
		return fmt.Sprint(resp.Errors[0].Extensions["code"])
	}
	var data map[string]json.RawMessage
	if err := json.Unmarshal(resp.Data, &data); err != nil || len(data) != 1 {
		f.t.Fatalf("%s: %v", resp.Data, err)
	}
	for _, v := range data {
		return string(v)
	}
	return ""
}

func (f *feed) want(what ...string) {
	f.t.Helper()
	for _, want := range what {
		if got := f.next(); got != want {
			f.t.Fatalf("told %s, want %s", got, want)
		}
	}
}

// set updates a record as p.
func (w *world) set(t testing.TB, p policy.Principal, typ string, id uuid.UUID, input string) {
	t.Helper()
	name := strings.ToLower(typ[:1]) + typ[1:]
	w.ask(t, p, `mutation($id: ID!) @for(purpose: SALES) { update`+typ+`(id: $id, input: `+input+`) { `+name+` { id } } }`, "id", read.EncodeID(typ, id)).ok(t)
}

const tellContacts = `subscription($ids: [ID!]) @for(purpose: SALES) { contactChanged(ids: $ids) { kind node { firstName } } }`

func TestASubscriptionTellsWhatChangesForTheViewer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		manager := as("SALES_MANAGER")
		f := w.subscribe(t, manager, `subscription @for(purpose: SALES) { contactChanged { __typename kind id node { name: firstName } } }`)
		id := w.put(t, "Contact", map[string]any{"firstName": "Ada", "region": "EMEA"})
		global := read.EncodeID("Contact", id)
		f.want(`{"__typename":"ContactChange","kind":"CREATED","id":"` + global + `","node":{"name":"Ada"}}`)
		w.set(t, manager, "Contact", id, `{firstName: "Eve"}`)
		f.want(`{"__typename":"ContactChange","kind":"UPDATED","id":"` + global + `","node":{"name":"Eve"}}`)
		w.set(t, manager, "Contact", id, `{jobTitle: "Countess"}`) // not asked for
		w.set(t, manager, "Contact", id, `{firstName: "Eve"}`)     // is so already
		w.ask(t, manager, `mutation($id: ID!) @for(purpose: SALES) { deleteContact(id: $id) { deletedId } }`, "id", global).ok(t)
		f.want(`{"__typename":"ContactChange","kind":"DELETED","id":"` + global + `","node":null}`)
	})
}

func TestWhatIsOutOfSightIsNotTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		manager := as("SALES_MANAGER")
		far := w.put(t, "Contact", map[string]any{"firstName": "Far", "region": "APAC"})
		near := w.put(t, "Contact", map[string]any{"firstName": "Near", "region": "EMEA"})
		f := w.subscribe(t, as("SALES_REP", "region", "EMEA"), tellContacts)
		named := w.subscribe(t, as("SALES_REP", "region", "EMEA"), tellContacts, "ids", []string{
			read.EncodeID("Contact", far), read.EncodeID("Contact", near), read.EncodeID("Deal", near), "nonsense"})

		w.set(t, manager, "Contact", far, `{firstName: "Further"}`)
		w.put(t, "Contact", map[string]any{"firstName": "Other", "region": "APAC"})
		w.set(t, manager, "Contact", far, `{region: "EMEA"}`)
		w.set(t, manager, "Contact", near, `{region: "APAC"}`)
		// Whoever names no records is told of an update, since they could see when the row was written; of one that was never
		// shown they are not told that it went.
		f.want(`{"kind":"UPDATED","node":{"firstName":"Further"}}`)
		named.want(`{"kind":"CREATED","node":{"firstName":"Further"}}`, `{"kind":"DELETED","node":null}`)

		w.set(t, manager, "Contact", far, `{region: "APAC"}`)
		f.want(`{"kind":"DELETED","node":null}`)
		named.want(`{"kind":"DELETED","node":null}`)
		w.set(t, manager, "Contact", far, `{firstName: "Gone"}`)
		w.set(t, manager, "Contact", far, `{region: "EMEA"}`)
		f.want(`{"kind":"CREATED","node":{"firstName":"Gone"}}`)
		named.want(`{"kind":"CREATED","node":{"firstName":"Gone"}}`)
	})
}

// A row's conditions and its owner can change far away from it.
func TestWhatGoesOutOfSightElsewhereIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		manager, rep := as("SALES_MANAGER"), as("SALES_REP", "region", "EMEA")
		account := w.put(t, "Account", map[string]any{"name": "Acme", "region": "EMEA"})
		deal := w.put(t, "Deal", map[string]any{"name": "Big", "account": account})
		id := read.EncodeID("Deal", deal)
		const q = `subscription($id: ID) @for(purpose: SALES) { dealChanged(id: $id) { kind node { name } } }`
		f := w.subscribe(t, rep, q, "id", id)
		w.set(t, manager, "Account", account, `{region: "APAC"}`)
		f.want(`{"kind":"DELETED","node":null}`)
		w.set(t, manager, "Account", account, `{region: "EMEA"}`)
		f.want(`{"kind":"CREATED","node":{"name":"Big"}}`)
	})
	each(t, func(t *testing.T, w *world) {
		manager := as("SALES_MANAGER")
		contact := w.put(t, "Contact", map[string]any{"firstName": "Ada", "region": "EMEA"})
		activity := w.put(t, "Activity", map[string]any{"title": "Call", "contact": contact, "occurredAt": today.Add(-time.Hour), "type": "CALL"})
		f := w.subscribe(t, manager, `subscription($id: ID) @for(purpose: SALES) { activityChanged(id: $id) { kind } }`, "id", read.EncodeID("Activity", activity))
		w.ask(t, manager, `mutation($id: ID!) @for(purpose: SALES) { deleteContact(id: $id) { deletedId } }`, "id", read.EncodeID("Contact", contact)).ok(t)
		f.want(`{"kind":"DELETED"}`)
	})
}

// What is two keys away counts as told only with a change nearer by. Else that something was written here, though nothing of it
// shows, would be told by what changed there before.
func TestWhatChangesFarAwayIsNotTold(t *testing.T) {
	defer plant()()
	each(t, func(t *testing.T, w *world) {
		manager := as("SALES_MANAGER")
		account := w.put(t, "Account", map[string]any{"name": "Acme", "region": "EMEA"})
		deal := w.put(t, "Deal", map[string]any{"name": "Big", "account": account})
		activity := w.put(t, "Activity", map[string]any{"title": "Call", "deal": deal, "occurredAt": today.Add(-time.Hour), "type": "CALL"})
		f := w.subscribe(t, manager, `subscription($id: ID) @for(purpose: SALES) { activityChanged(id: $id) { kind node { title deal { account { name } } } } }`,
			"id", read.EncodeID("Activity", activity))
		w.set(t, manager, "Account", account, `{name: "Apex"}`)
		w.set(t, manager, "Activity", activity, `{durationMinutes: 5}`) // not asked for
		if err := w.Settle(); err != nil {
			t.Fatal(err)
		}
		if resp, err := f.Poll(f.ctx); resp != nil || err != nil {
			t.Errorf("hidden values show: told %v, %v", resp, err)
		}
		w.set(t, manager, "Activity", activity, `{title: "Visit"}`)
		f.want(`{"kind":"UPDATED","node":{"title":"Visit","deal":{"account":{"name":"Apex"}}}}`)
	})
}

func TestConsentDecidesAnewForEachEvent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		officer := as("PRIVACY_OFFICER")
		ada := w.put(t, "Contact", map[string]any{"firstName": "Ada", "email": "ada@example.com", "region": "EMEA"})
		id := read.EncodeID("Contact", ada)
		say := func(what string) {
			w.ask(t, officer, `mutation($id: ID!) { `+what+`Consent(input: {subject: $id, purpose: MARKETING, method: TELEPHONE, evidence: "call 7"}) { entryId } }`, "id", id).ok(t)
		}
		f := w.subscribe(t, as("MARKETER"), `subscription @for(purpose: MARKETING) { contactChanged { kind node { email } } }`)
		named := w.subscribe(t, as("MARKETER"), `subscription($id: ID) @for(purpose: MARKETING) { contactChanged(id: $id) { kind node { email } } }`, "id", id)
		w.set(t, as("SALES_MANAGER"), "Contact", ada, `{email: "ada@example.net"}`)
		masked := f.next()
		if strings.Contains(masked, "ada@") || !strings.Contains(masked, `"UPDATED"`) {
			t.Fatal(masked)
		}
		say("give")
		f.want(`{"kind":"UPDATED","node":{"email":"ada@example.net"}}`)
		if got := named.next(); strings.Contains(got, masked) {
			// What was masked alike before and after is no change: the first thing told is what consent reveals.
			t.Error("a change behind the mask was told")
		}
		say("withdraw")
		f.want(masked)
		named.want(masked)
	})
}

func TestARowHiddenByConsentIsToldToBeGone(t *testing.T) {
	eachRewritten(t, []string{"type Ticket\n  @entity", "type Ticket\n  @entity\n  @consent(to: PROFILING, otherwise: HIDE_ROW)"}, func(t *testing.T, w *world) {
		officer := as("PRIVACY_OFFICER")
		ada := w.put(t, "Contact", map[string]any{"firstName": "Ada", "region": "EMEA"})
		id := read.EncodeID("Contact", ada)
		say := func(what string) {
			w.ask(t, officer, `mutation($id: ID!) { `+what+`Consent(input: {subject: $id, purpose: PROFILING, method: TELEPHONE, evidence: "call 7"}) { entryId } }`, "id", id).ok(t)
		}
		f := w.subscribe(t, as("SUPPORT_AGENT"), `subscription @for(purpose: SUPPORT) { ticketChanged { kind } }`)
		w.put(t, "Ticket", map[string]any{"title": "Hidden", "contact": ada})
		say("give")
		w.put(t, "Ticket", map[string]any{"title": "Seen", "contact": ada})
		f.want(`{"kind":"CREATED"}`)
		say("withdraw")
		f.want(`{"kind":"DELETED"}`)
		say("give")
		f.want(`{"kind":"CREATED"}`)
	})
}

func TestConsentChanged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada := w.put(t, "Contact", map[string]any{"firstName": "Ada", "region": "EMEA"})
		eve := w.put(t, "Contact", map[string]any{"firstName": "Eve", "region": "EMEA"})
		self, other := as("CUSTOMER"), as("CUSTOMER")
		self.Subject, self.ID = ada, "ada"
		other.Subject, other.ID = eve, "eve"
		const q = `subscription($subject: ID) { consentChanged(subject: $subject) { consents { purpose given } } }`
		own := w.subscribe(t, self, q)
		agent := w.subscribe(t, as("SUPPORT_AGENT"), q, "subject", read.EncodeID("Contact", ada))
		const give = `mutation { giveConsent(input: {purpose: MARKETING}) { entryId } }`
		w.ask(t, other, give).ok(t)
		w.ask(t, self, give).ok(t)
		w.ask(t, self, give).ok(t) // once more: nothing changes
		w.ask(t, self, `mutation { withdrawConsent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
		if err := w.Settle(); err != nil {
			t.Fatal(err)
		}
		for _, f := range []*feed{own, agent} {
			// Changes that wait are looked at once, so what is told is what holds: nothing, in the end.
			if resp, err := f.Poll(f.ctx); resp != nil || err != nil {
				t.Error("told of a consent that was withdrawn", err)
			}
		}
		w.ask(t, self, give).ok(t)
		for _, f := range []*feed{own, agent} {
			if got := f.next(); !strings.Contains(got, `{"purpose":"MARKETING","given":true}`) {
				t.Error(got)
			}
		}
		for name, c := range map[string]struct {
			who  policy.Principal
			of   any
			code string
		}{
			"somebody else's":     {other, read.EncodeID("Contact", ada), read.CodeNotFound},
			"may not record it":   {as("SALES_MANAGER"), read.EncodeID("Contact", ada), read.CodePurposeRequired},
			"whose is not said":   {as("SUPPORT_AGENT"), nil, read.CodeBadInput},
			"of nobody":           {as("SUPPORT_AGENT"), read.EncodeID("Contact", uuid.New()), read.CodeNotFound},
			"of what is nobody's": {as("SUPPORT_AGENT"), read.EncodeID("Deal", ada), read.CodeNotFound},
		} {
			if got := w.subscribe(t, c.who, q, "subject", c.of).next(); got != c.code {
				t.Errorf("%s: %s, want %s", name, got, c.code)
			}
		}
	})
}

func TestWhoAsksIsSettledAnewForEachEvent(t *testing.T) {
	w := databases(t)[0].open(t)
	manager := as("SALES_MANAGER")
	ada := w.put(t, "Contact", map[string]any{"firstName": "Ada", "region": "EMEA", "leadScore": int64(7)})
	for name, c := range map[string]struct {
		who  policy.Principal
		err  error
		code string
	}{
		"the session ended":   {policy.Principal{}, errors.New("signed out"), read.CodeUnauthenticated},
		"the role changed":    {policy.Principal{ID: manager.ID, Role: "SUPPORT_AGENT"}, nil, read.CodeForbidden},
		"somebody else's now": {policy.Principal{ID: "other", Role: "SALES_MANAGER"}, nil, read.CodeUnauthenticated},
		"nobody can tell":     {policy.Principal{}, read.Fail(read.CodeUnavailable, "later"), read.CodeUnavailable},
	} {
		f := w.subscribe(t, manager, tellContacts)
		f.become(c.who, c.err)
		w.set(t, manager, "Contact", ada, `{firstName: "`+name+`"}`)
		if got := f.next(); got != c.code {
			t.Errorf("%s: %s, want %s", name, got, c.code)
		}
		f.want("EOF")
	}
	// Another role with the same purpose sees something else.
	f := w.subscribe(t, manager, tellContacts)
	rep := as("SALES_REP", "region", "APAC")
	rep.ID = manager.ID
	w.set(t, manager, "Contact", ada, `{firstName: "Seen"}`)
	f.want(`{"kind":"UPDATED","node":{"firstName":"Seen"}}`)
	f.become(rep, nil)
	w.set(t, manager, "Contact", ada, `{firstName: "Unseen"}`)
	f.want(`{"kind":"DELETED","node":null}`)
}

func TestWhatCannotBeSubscribedTo(t *testing.T) {
	w := databases(t)[0].open(t)
	manager := as("SALES_MANAGER")
	ids := make([]string, 101)
	for i := range ids {
		ids[i] = read.EncodeID("Contact", uuid.New())
	}
	for name, c := range map[string]struct {
		who   policy.Principal
		query string
		code  string
	}{
		"two fields":          {manager, `subscription @for(purpose: SALES) { contactChanged { kind } dealChanged { kind } }`, "GRAPHQL_VALIDATION_FAILED"},
		"no field":            {manager, `subscription @for(purpose: SALES) { contactChanged @skip(if: true) { kind } }`, read.CodeBadInput},
		"the name of a type":  {manager, `subscription @for(purpose: SALES) { __typename }`, "GRAPHQL_VALIDATION_FAILED"},
		"about the schema":    {manager, `subscription @for(purpose: SALES) { __schema { types { name } } }`, "GRAPHQL_VALIDATION_FAILED"},
		"by a fragment":       {manager, `subscription @for(purpose: SALES) { ...F } fragment F on Subscription { contactChanged { kind } dealChanged { kind } }`, "GRAPHQL_VALIDATION_FAILED"},
		"no purpose":          {manager, `subscription { contactChanged { kind } }`, read.CodePurposeRequired},
		"a wrong purpose":     {manager, `subscription @for(purpose: MARKETING) { contactChanged { kind } }`, read.CodeForbidden},
		"a type of others":    {as("ADMIN"), `subscription { contactChanged { kind } }`, read.CodeForbidden},
		"cursors":             {manager, `subscription @for(purpose: SALES) { contactChanged { node { deals { pageInfo { endCursor } } } } }`, read.CodeBadInput},
		"cursors of edges":    {manager, `subscription @for(purpose: SALES) { contactChanged { node { deals { edges { c: cursor } } } } }`, read.CodeBadInput},
		"too many":            {manager, `subscription @for(purpose: SALES) { contactChanged(ids: ["` + strings.Join(ids, `","`) + `"]) { kind } }`, read.CodePageTooLarge},
		"a hidden filter":     {as("MARKETER"), `subscription @for(purpose: MARKETING) { contactChanged { node { deals(where: {amount: {gt: "1"}}) { totalCount } } } }`, read.CodeFieldNotQueryable},
		"not even a document": {manager, `subscription`, "GRAPHQL_PARSE_FAILED"},
	} {
		f := w.subscribe(t, c.who, c.query)
		if got := f.next(); got != c.code {
			t.Errorf("%s: %s, want %s", name, got, c.code)
		}
		f.want("EOF")
		if r := w.ask(t, c.who, c.query); r.code() == "" || r.Data != nil {
			t.Errorf("%s as a query: %s", name, r.raw)
		}
	}
	if r := w.ask(t, manager, tellContacts); r.code() != read.CodeBadInput {
		t.Error("a subscription that is no stream", r.raw)
	}
	f := w.subscribe(t, manager, `query @for(purpose: SALES) { contacts { totalCount } }`)
	f.want(`{"totalCount":0}`, "EOF")
	if w.log.Len() > 0 {
		t.Error(w.log)
	}
}

// deaf is a bus that nobody else hears.
type deaf struct{ graph.Events }

func (b deaf) Publish(ctx context.Context, topic string, notice []byte) error {
	return errors.Join(b.Events.Publish(ctx, topic, notice), errors.New("nobody else was told"))
}

func TestLostEventsEndSubscriptions(t *testing.T) {
	w := databases(t)[0].open(t)
	b := graph.NewLocal()
	w.change = func(c *graph.Config) { c.Events = deaf{b} }
	w.Gateway = w.gateway(t, compiled(t))
	manager := as("SALES_MANAGER")
	for name, notice := range map[string]string{"a gap": `[{"k":0}]`, "what is no notice": "?", "a kind of another version": `[{"k":99}]`} {
		f := w.subscribe(t, manager, tellContacts)
		if err := b.Publish(t.Context(), graph.TopicChanged, []byte(notice)); err != nil {
			t.Fatal(err)
		}
		if got := f.next(); got != read.CodeUnavailable {
			t.Errorf("%s: %s", name, got)
		}
		f.want("EOF")
	}
	f := w.subscribe(t, manager, tellContacts)
	if err := w.Settle(); err != nil {
		t.Fatal(err)
	}
	// A write is done, and told here, whether or not others can be told.
	w.put(t, "Contact", map[string]any{"firstName": "Ada"})
	f.want(`{"kind":"CREATED","node":{"firstName":"Ada"}}`)
	if !strings.Contains(w.log.String(), "nobody else was told") {
		t.Error(w.log)
	}
}

func TestAnImportIsOneEvent(t *testing.T) {
	w := databases(t)[0].open(t)
	manager := as("SALES_MANAGER")
	ada := w.put(t, "Contact", map[string]any{"firstName": "Ada"})
	b := graph.NewLocal()
	w.change = func(c *graph.Config) { c.Events = b }
	w.Gateway = w.gateway(t, compiled(t))
	heard, stop := b.Subscribe(graph.TopicChanged)
	defer stop()
	f := w.subscribe(t, manager, tellContacts, "ids", []string{read.EncodeID("Contact", ada)})
	rows := []importer.Row{{ID: ada, Values: map[string]any{"firstName": "Eve"}}}
	for i := range 300 {
		rows = append(rows, importer.Row{ID: uuid.New(), Create: true, Values: map[string]any{"firstName": fmt.Sprint(i)}})
	}
	if _, err := w.Bulk().Upsert(t.Context(), w.Schema().Type("Contact"), rows); err != nil {
		t.Fatal(err)
	}
	f.want(`{"kind":"UPDATED","node":{"firstName":"Eve"}}`)
	if e, err := event.Decode((<-heard).Data); err != nil || len(e) != 1 || e[0].Kind != event.Many || e[0].Type != "Contact" {
		t.Error(e, err)
	}
	if len(heard) > 0 {
		t.Error(len(heard), "further events")
	}
}

func TestASlowClientIsTold(t *testing.T) {
	w := databases(t)[0].open(t)
	manager := as("SALES_MANAGER")
	f := w.subscribe(t, manager, tellContacts)
	ada := w.put(t, "Contact", map[string]any{"firstName": "Ada"})
	for i := range 50 { // while nobody takes anything
		w.set(t, manager, "Contact", ada, `{firstName: "`+fmt.Sprint(i)+`"}`)
	}
	f.want(`{"kind":"CREATED","node":{"firstName":"49"}}`)
	for range 30 {
		var rows []importer.Row
		for range 50 {
			rows = append(rows, importer.Row{ID: uuid.New(), Create: true, Values: map[string]any{"firstName": "x"}})
		}
		if _, err := w.Bulk().Upsert(t.Context(), w.Schema().Type("Contact"), rows); err != nil {
			t.Fatal(err)
		}
	}
	for {
		if got := f.next(); got != `{"kind":"CREATED","node":{"firstName":"x"}}` {
			if got != read.CodeUnavailable {
				t.Error(got)
			}
			break
		}
	}
	f.want("EOF")
}

func TestSubscriptionsAreCounted(t *testing.T) {
	w := databases(t)[0].open(t)
	manager := as("SALES_MANAGER")
	var all []*feed
	for range graph.MaxPrincipalStreams {
		all = append(all, w.subscribe(t, manager, tellContacts))
	}
	w.subscribe(t, manager, tellContacts).want(read.CodeRateLimited, "EOF")
	all[0].Close()
	all[0].Close()
	f := w.subscribe(t, manager, tellContacts)
	w.put(t, "Contact", map[string]any{"firstName": "Ada"})
	f.want(`{"kind":"CREATED","node":{"firstName":"Ada"}}`)
	w.subscribe(t, manager, tellContacts).want(read.CodeRateLimited, "EOF")
}

// TestIdleSubscriptionsCostLittle: no goroutine each, no timer, no statement.
func TestIdleSubscriptionsCostLittle(t *testing.T) {
	w := databases(t)[0].open(t)
	measure := func() (uint64, int) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	who := func(i int) policy.Principal {
		p := as("SALES_MANAGER")
		p.ID = fmt.Sprint("manager ", i)
		return p
	}
	var all []*feed
	all = append(all, w.subscribe(t, who(0), tellContacts))
	heap, routines := measure()
	for i := range 1000 {
		all = append(all, w.subscribe(t, who(i), tellContacts))
	}
	w.statements()
	more, others := measure()
	t.Logf("1000 idle subscriptions: %d bytes each, %d goroutines in all", (more-heap)/1000, others-routines)
	if others-routines > 5 {
		t.Errorf("%d goroutines", others-routines)
	}
	if (more-heap)/1000 > 16<<10 {
		t.Errorf("%d bytes each", (more-heap)/1000)
	}
	if n := len(w.statements()); n > 0 {
		t.Errorf("%d statements while nothing happens", n)
	}
	w.put(t, "Contact", map[string]any{"firstName": "Ada"})
	for _, f := range all {
		f.want(`{"kind":"CREATED","node":{"firstName":"Ada"}}`)
	}
	for _, f := range all {
		f.Close()
	}
	if w.Streams() != 0 {
		t.Error(w.Streams(), "streams are left")
	}
}

// pointsLeft is a limiter with a few points, and more after a second.
type pointsLeft struct{ points int }

func (p *pointsLeft) Spend(_ context.Context, s graph.Spending) time.Duration {
	if p.points < s.Points {
		p.points = 1000
		return time.Millisecond
	}
	p.points -= s.Points
	return 0
}

// Each event costs what it answers. Whoever has nothing left is told later, and then what holds by then.
func TestEventsAreCharged(t *testing.T) {
	w := databases(t)[0].open(t)
	p := &pointsLeft{points: 1000}
	w.change = func(c *graph.Config) { c.Limiter = p }
	w.Gateway = w.gateway(t, compiled(t))
	manager := as("SALES_MANAGER")
	f := w.subscribe(t, manager, tellContacts)
	if p.points == 1000 {
		t.Error("to subscribe costs nothing")
	}
	p.points = 1
	w.put(t, "Contact", map[string]any{"firstName": "Ada"})
	w.put(t, "Contact", map[string]any{"firstName": "Eve"})
	f.want(`{"kind":"CREATED","node":{"firstName":"Ada"}}`)
	began := time.Now()
	f.want(`{"kind":"CREATED","node":{"firstName":"Eve"}}`)
	if time.Since(began) < 500*time.Millisecond {
		t.Error("nobody waited")
	}
	p.points = 0
	w.subscribe(t, manager, tellContacts).want(read.CodeRateLimited, "EOF")
}
