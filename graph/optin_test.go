package graph_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
)

// asking gives the world a gateway that sends mail, and returns its requests.
func (w *world) asking(t *testing.T) *optin.Requests {
	t.Helper()
	if err := optin.Tables.Migrate(t.Context(), w.store); err != nil {
		t.Fatal(err)
	}
	q, err := optin.New(optin.Config{Schema: w.Schema(), Dialect: w.store.Dialect, Key: []byte(strings.Repeat("a", 32)), Mails: true})
	if err != nil {
		t.Fatal(err)
	}
	w.change = func(c *graph.Config) { c.Asking = q }
	w.Gateway = w.gateway(t, w.Schema())
	return q
}

// mail is the next that is to be sent, and whether there is one.
func (w *world) mail(t *testing.T) (*graph.Mail, bool) {
	t.Helper()
	m, err := w.NextMail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m, m != nil
}

// link has a person asked, and returns the token that they are sent.
func (w *world) link(t *testing.T, who policy.Principal, input string) optin.Token {
	t.Helper()
	w.ask(t, who, `mutation @for(purpose: `+purposeOf(who)+`) { requestConsent(input: {`+input+`}) { accepted } }`).ok(t)
	m, ok := w.mail(t)
	if !ok {
		t.Fatal("nothing is to be sent")
	}
	if err := w.Mailed(t.Context(), m, graph.MailSent); err != nil {
		t.Fatal(err)
	}
	return m.Token
}

func purposeOf(p policy.Principal) string {
	if p.IsSubject() {
		return "SELF_SERVICE"
	}
	return "SUPPORT"
}

// works reports whether a link asks something, and looks that nothing changes by it.
func (w *world) works(t *testing.T, token optin.Token) bool {
	t.Helper()
	_, err := w.Asked(t.Context(), token)
	if err != nil && !errors.Is(err, graph.ErrVoid) {
		t.Fatal(err)
	}
	return err == nil
}

func (w *world) rows(t *testing.T, query string) (n int) {
	t.Helper()
	if err := w.store.DB.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAMailedLinkGivesConsentOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.asking(t)
		ada, id := w.person(t, "Ada")
		until := today.AddDate(1, 0, 0)
		r := w.ask(t, as("SUPPORT_AGENT"), fmt.Sprintf(`mutation @for(purpose: SUPPORT) { requestConsent(input: {purpose: MARKETING, subject: %q, language: "de-AT", expiresAt: %q}) { accepted linkExpiresAt } }`, id, until.Format(time.RFC3339))).ok(t)
		if r.at("requestConsent.accepted") != true || r.at("requestConsent.linkExpiresAt") != today.Add(48*time.Hour).Format(time.RFC3339) {
			t.Error(r.raw)
		}
		m, ok := w.mail(t)
		if !ok || m.To != "ada@example.com" || m.Language != "de" || m.Purpose.Name != "MARKETING" {
			t.Fatalf("%t %+v", ok, m)
		}
		if err := w.Mailed(t.Context(), m, graph.MailSent); err != nil {
			t.Fatal(err)
		}
		w.now = today.Add(time.Hour)
		if _, again := w.mail(t); again {
			t.Error("sent twice")
		}
		stands := func() string {
			return w.ask(t, ada, `{ consents { purpose given } consentHistory { nodes { decision method actor evidence expiresAt notice { language text } } } }`).ok(t).raw
		}
		for range 2 {
			a, err := w.Asked(t.Context(), m.Token)
			if err != nil || a.Text.Language != "de" || a.Text.Body == "" {
				t.Fatal(a, err)
			}
			if got := stands(); strings.Contains(got, "DOUBLE_OPT_IN") || strings.Contains(got, `"given":true`) {
				t.Fatal("looking at the page decides:", got)
			}
		}
		a, err := w.Confirm(t.Context(), m.Token)
		if err != nil {
			t.Fatal(err)
		}
		got := stands()
		for _, want := range []string{`"purpose":"MARKETING","given":true`, `"decision":"GIVE","method":"DOUBLE_OPT_IN","actor":"subject","evidence":"mail ` + m.ID.String(),
			`"expiresAt":"` + until.Format(time.RFC3339), strings.Split(a.Text.Body, "\n")[0]} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in %s", want, got)
			}
		}
		w.proven(t)
		if w.works(t, m.Token) {
			t.Error("a used link still asks")
		}
		if _, err := w.Confirm(t.Context(), m.Token); !errors.Is(err, graph.ErrVoid) {
			t.Error("used twice:", err)
		}
		if n := w.rows(t, `SELECT count(*) FROM consent_entries`); n != 1 {
			t.Errorf("%d lines", n)
		}
		if strings.Contains(w.log.String(), m.Token.Reveal()) || strings.Contains(fmt.Sprintf("%v %+v", *m, a), m.Token.Reveal()) {
			t.Error("the token is printed")
		}
	})
}

// TestALinkThatIsFollowedManyTimesAtOnce is pressed by somebody in a hurry.
func TestALinkThatIsFollowedManyTimesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.asking(t)
		ada, _ := w.person(t, "Ada")
		token := w.link(t, ada, `purpose: MARKETING`)
		var all sync.WaitGroup
		var given, void atomic.Int32
		for range 8 {
			all.Go(func() {
				switch _, err := w.Confirm(t.Context(), token); {
				case err == nil:
					given.Add(1)
				case errors.Is(err, graph.ErrVoid):
					void.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := w.rows(t, `SELECT count(*) FROM consent_entries`); given.Load() != 1 || void.Load() != 7 || n != 1 {
			t.Errorf("%d times given, %d times not, %d lines", given.Load(), void.Load(), n)
		}
		w.proven(t)
	})
}

// TestLinksThatDoNotWork asks Ada, lets something happen, and looks at her link.
func TestLinksThatDoNotWork(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.asking(t)
		officer := as("SUPPORT_AGENT")
		bits := func(w *world, row uuid.UUID, bit policy.State) {
			w.setState(t, "Contact", row, bit)
		}
		for name, c := range map[string]struct {
			own     bool
			happens func(t *testing.T, who policy.Principal, id string)
			works   bool
		}{
			"nothing":          {false, func(*testing.T, policy.Principal, string) {}, true},
			"nearly too late":  {false, func(*testing.T, policy.Principal, string) { w.now = w.now.Add(48*time.Hour - time.Microsecond) }, true},
			"too late":         {false, func(*testing.T, policy.Principal, string) { w.now = w.now.Add(48 * time.Hour) }, false},
			"restricted":       {false, func(_ *testing.T, who policy.Principal, _ string) { bits(w, who.Subject, policy.Restricted) }, false},
			"being erased":     {true, func(_ *testing.T, who policy.Principal, _ string) { bits(w, who.Subject, policy.Erasing) }, false},
			"objects to sales": {false, func(_ *testing.T, who policy.Principal, _ string) { bits(w, who.Subject, 1) }, true}, // which is no marketing
			"another address":  {false, func(t *testing.T, who policy.Principal, id string) { w.move(t, id, "new@example.com") }, false},
			"the address written": {false, func(t *testing.T, who policy.Principal, id string) {
				w.move(t, id, strings.ToUpper(who.ID)+"@EXAMPLE.com")
			}, false},
			"no address": {false, func(t *testing.T, who policy.Principal, id string) { w.move(t, id, "") }, false},
			"deleted": {false, func(t *testing.T, who policy.Principal, id string) {
				w.ask(t, as("SALES_MANAGER"), `mutation($id: ID!) @for(purpose: SALES) { deleteContact(id: $id) { deletedId } }`, "id", id).ok(t)
				if n := w.rows(t, `SELECT count(*) FROM consent_requests WHERE subject_id = '`+who.Subject.String()+`'`); n != 0 {
					t.Errorf("%d requests are left", n)
				}
			}, false},
			"withdrawn since": {true, func(t *testing.T, who policy.Principal, _ string) {
				w.now = w.now.Add(time.Second)
				w.ask(t, who, `mutation { withdrawConsent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
			}, false},
			"objected since": {false, func(t *testing.T, who policy.Principal, _ string) {
				w.now = w.now.Add(time.Second)
				w.ask(t, who, `mutation { objectTo(input: {purpose: MARKETING}) { entryId } }`).ok(t)
			}, false},
			"another notice": {false, func(t *testing.T, who policy.Principal, _ string) {
				if _, err := w.store.DB.Exec(`UPDATE consent_requests SET notice_hash = 'older' WHERE subject_id = '` + who.Subject.String() + `'`); err != nil {
					t.Fatal(err)
				}
			}, false},
			"another link of the same question was used": {false, func(t *testing.T, who policy.Principal, id string) {
				if _, err := w.Confirm(t.Context(), w.link(t, officer, `purpose: MARKETING, subject: "`+id+`"`)); err != nil {
					t.Fatal(err)
				}
			}, false},
			"a link of another question was used": {false, func(t *testing.T, who policy.Principal, id string) {
				if _, err := w.Confirm(t.Context(), w.link(t, officer, `purpose: CALLS, subject: "`+id+`"`)); err != nil {
					t.Fatal(err)
				}
			}, true},
		} {
			t.Run(name, func(t *testing.T) {
				w.now = today
				who, id := w.person(t, "P"+strings.ReplaceAll(name, " ", ""))
				who.AuthenticatedAt, who.AAL = today, 2
				by, input := officer, `purpose: MARKETING, subject: "`+id+`"`
				if c.own {
					by, input = who, `purpose: MARKETING`
				}
				token := w.link(t, by, input)
				c.happens(t, who, id)
				lines := w.rows(t, `SELECT count(*) FROM consent_entries`)
				if got := w.works(t, token); got != c.works {
					t.Errorf("asks: %t, want %t", got, c.works)
				}
				_, err := w.Confirm(t.Context(), token)
				if c.works && err != nil || !c.works && !errors.Is(err, graph.ErrVoid) {
					t.Errorf("confirms: %v", err)
				}
				if got := w.rows(t, `SELECT count(*) FROM consent_entries`) - lines; (got == 1) != c.works {
					t.Errorf("%d lines were added", got)
				}
			})
		}
		for _, made := range []string{"", "x", strings.Repeat("A", 43)} {
			if w.works(t, optin.ParseToken(made)) {
				t.Errorf("%q works", made)
			}
		}
	})
}

// move gives a contact another address.
func (w *world) move(t *testing.T, id, email string) {
	t.Helper()
	value := any(email)
	if email == "" {
		value = nil
	}
	w.ask(t, as("SALES_MANAGER"), `mutation($id: ID!, $e: String) @for(purpose: SALES) { updateContact(id: $id, input: {email: $e}) { contact { id } } }`, "id", id, "e", value).ok(t)
}

// TestWhoIsNotWrittenTo asks people who have an address and are not to be written to: the answer is the same as of others.
func TestWhoIsNotWrittenTo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.asking(t)
		for name, prepare := range map[string]func(t *testing.T, who policy.Principal, id string){
			"no address": func(t *testing.T, _ policy.Principal, id string) { w.move(t, id, "") },
			"restricted": func(t *testing.T, who policy.Principal, _ string) {
				w.setState(t, "Contact", who.Subject, policy.Restricted)
			},
			"refused before": func(t *testing.T, who policy.Principal, _ string) {
				w.ask(t, who, `mutation { withdrawConsent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
				w.now = w.now.AddDate(0, 1, 0)
			},
			"erased": func(t *testing.T, who policy.Principal, _ string) {
				w.ask(t, who, `mutation { requestConsent(input: {purpose: MARKETING}) { accepted } }`).ok(t)
				if err := w.keys.Destroy(t.Context(), "request 1", who.Subject); err != nil {
					t.Fatal(err)
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				w.now = today
				who, id := w.person(t, "Q"+strings.ReplaceAll(name, " ", ""))
				prepare(t, who, id)
				if name != "erased" && name != "restricted" { // whom nobody finds is not asked
					w.ask(t, as("SUPPORT_AGENT"), `mutation($id: ID!) @for(purpose: SUPPORT) { requestConsent(input: {purpose: MARKETING, subject: $id}) { accepted } }`, "id", id).ok(t)
				} else if name == "restricted" {
					w.ask(t, who, `mutation { requestConsent(input: {purpose: MARKETING}) { accepted } }`).ok(t)
				}
				if m, ok := w.mail(t); ok {
					t.Error("is written to", m.ID)
				}
				if n, err := w.MailsWaiting(t.Context()); err != nil || n != 0 {
					t.Error("waits", n, err)
				}
				if err := w.SweepAsked(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n := w.rows(t, `SELECT count(*) FROM consent_requests WHERE subject_id = '`+who.Subject.String()+`'`); (n == 0) != (name == "erased") {
					t.Errorf("%d requests are kept", n)
				}
			})
		}
		// Who refused before may still have a mail sent to themselves.
		w.now = today
		eve, _ := w.person(t, "Eve")
		w.ask(t, eve, `mutation { withdrawConsent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
		w.now = w.now.Add(time.Second)
		if _, err := w.Confirm(t.Context(), w.link(t, eve, `purpose: MARKETING`)); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatCannotBeRequested(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, id := w.person(t, "Ada")
		officer := as("SUPPORT_AGENT")
		request := func(p policy.Principal, input string) reply {
			return w.ask(t, p, `mutation @for(purpose: `+purposeOf(p)+`) { requestConsent(input: {`+input+`}) { accepted } }`)
		}
		if r := request(ada, `purpose: MARKETING`); r.code() != read.CodeUnavailable || !strings.Contains(r.raw, "CLOAKROOM_MAIL_URL") {
			t.Error("without mail:", r.raw)
		}
		w.asking(t)
		for name, c := range map[string]struct {
			who         policy.Principal
			input, code string
		}{
			"no purpose by consent": {ada, `purpose: SALES`, read.CodeBadInput},
			"run out already":       {ada, `purpose: MARKETING, expiresAt: "2020-01-01T00:00:00Z"`, read.CodeBadInput},
			"no person":             {officer, `purpose: MARKETING`, read.CodeBadInput},
			"nobody":                {officer, `purpose: MARKETING, subject: "` + read.EncodeID("Contact", uuid.New()) + `"`, read.CodeNotFound},
			"may not record it":     {as("ANALYST"), `purpose: MARKETING, subject: "` + id + `"`, read.CodeForbidden},
		} {
			if c.who.Role == "ANALYST" {
				r := w.ask(t, c.who, `mutation @for(purpose: ANALYTICS) { requestConsent(input: {`+c.input+`}) { accepted } }`)
				if r.code() != c.code {
					t.Errorf("%s: %s", name, r.raw)
				}
				continue
			}
			if r := request(c.who, c.input); r.code() != c.code {
				t.Errorf("%s: %s", name, r.raw)
			}
		}
		// Nobody is asked until they give in.
		for n := range optin.PerPurpose {
			w.now = today.Add(time.Duration(n) * time.Hour)
			request(ada, `purpose: MARKETING`).ok(t)
		}
		r := request(officer, `purpose: MARKETING, subject: "`+id+`"`)
		if wait, _ := r.Errs[0].Extensions["retryAfter"].(float64); r.code() != read.CodeRateLimited || wait != 22*3600 {
			t.Error(r.raw)
		}
		request(ada, `purpose: CALLS`).ok(t)
		w.now = today.Add(24*time.Hour + time.Microsecond)
		request(ada, `purpose: MARKETING`).ok(t)
		if r := request(ada, `purpose: MARKETING`); r.code() != read.CodeRateLimited {
			t.Error(r.raw)
		}
		// What is over goes.
		w.now = today.AddDate(0, 0, 5)
		if err := w.SweepAsked(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := w.rows(t, `SELECT count(*) FROM consent_requests`); n != 0 {
			t.Errorf("%d are kept", n)
		}
	})
}

// TestAMailThatFails is tried again, with the same link, by one at a time, and never to another address.
func TestAMailThatFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.asking(t)
		ada, id := w.person(t, "Ada")
		w.ask(t, ada, `mutation { requestConsent(input: {purpose: MARKETING}) { accepted } }`).ok(t)
		first, _ := w.mail(t)
		if _, ok := w.mail(t); ok {
			t.Fatal("claimed by two")
		}
		w.now = w.now.Add(optin.Lease) // whoever claimed it died
		second, ok := w.mail(t)
		if !ok || second.Token.Reveal() != first.Token.Reveal() {
			t.Fatal("not tried again, or with another link")
		}
		if err := w.Mailed(t.Context(), first, graph.MailSent); err != nil { // too late: it is not theirs any more
			t.Fatal(err)
		}
		if err := w.Mailed(t.Context(), second, graph.MailFailed); err != nil {
			t.Fatal(err)
		}
		if n, err := w.MailsWaiting(t.Context()); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		w.now = w.now.Add(time.Minute)
		w.move(t, id, "new@example.com")
		if _, ok := w.mail(t); ok {
			t.Error("sent to another address than before")
		}
		if n, err := w.MailsWaiting(t.Context()); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	})
}
