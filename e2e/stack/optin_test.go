package stack_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
	"github.com/cloakroom-crm/cloakroom/e2e/mail"
	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

// letters are a mailbox, two gateways that send to it, and who asks.
type letters struct {
	*stack.Stack
	box   *mail.Box
	db    *pgx.Conn
	sales stack.Credential
	desk  stack.Credential
}

var mailed = regexp.MustCompile(`http://127\.0\.0\.1:\d+/consent/confirm\?t=([\w-]{43})\n`)

func (l *letters) ask(t *testing.T, g *stack.Gateway, who stack.Credential, query string) *stack.Answer {
	t.Helper()
	a, err := g.Ask(t.Context(), who, query)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// person is somebody with an address, which nothing else has in it.
func (l *letters) person(t *testing.T) (id, address string) {
	t.Helper()
	address = canary.RandomDotted(24) + "@example.org"
	id, _ = l.ask(t, l.Gateways[0], l.sales, fmt.Sprintf(`mutation @for(purpose: SALES) { createContact(input: {lastName: "Byron", email: %q}) { contact { id } } }`, address)).Dig("createContact", "contact", "id").(string)
	if id == "" {
		t.Fatal("nobody was made")
	}
	return id, address
}

func request(id string) string {
	return fmt.Sprintf(`mutation @for(purpose: SUPPORT) { requestConsent(input: {purpose: MARKETING, subject: %q, language: "de"}) { accepted linkExpiresAt } }`, id)
}

// link has a person asked at a gateway, and returns the link that arrives.
func (l *letters) link(t *testing.T, g *stack.Gateway, id, address string) (link, token string) {
	t.Helper()
	if a := l.ask(t, g, l.desk, request(id)); a.Dig("requestConsent", "accepted") != true {
		t.Fatal(a.Raw)
	}
	return l.arrives(t, address)
}

func (l *letters) arrives(t *testing.T, address string) (link, token string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := l.box.Wait(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	found := mailed.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatal(m.Text)
	}
	return strings.TrimSpace(found[0]), found[1]
}

// page is what a browser shows.
type page struct {
	status int
	header http.Header
	text   string
}

func (l *letters) open(t *testing.T, link string) page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site") // a mailbox in a browser
	return l.do(t, req)
}

func (l *letters) press(t *testing.T, g *stack.Gateway, token string, change ...func(*http.Request)) page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/consent/confirm", strings.NewReader(url.Values{"t": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "null") // which browsers say with no-referrer
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range change {
		c(req)
	}
	return l.do(t, req)
}

func (l *letters) do(t *testing.T, req *http.Request) page {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Header, string(text)}
}

// stands is where somebody stands, at every gateway.
func (l *letters) stands(t *testing.T, id string) (given bool, history string) {
	t.Helper()
	for n, g := range l.Gateways {
		a := l.ask(t, g, l.desk, fmt.Sprintf(`query @for(purpose: SUPPORT) { consents(subject: %q) { purpose given } consentHistory(subject: %[1]q) { nodes { decision method actor evidence notice { hash language text } receipt } } }`, id))
		if len(a.Errors) > 0 {
			t.Fatal(a.Raw)
		}
		if now := strings.Contains(a.Raw, `"purpose":"MARKETING","given":true`); n > 0 && now != given {
			t.Error("the gateways say different things")
		} else {
			given, history = now, a.Raw
		}
	}
	return given, history
}

// TestConsentByMailedLink has people asked by mail, over a real mail server, and answers for them.
func TestConsentByMailedLink(t *testing.T) {
	box, err := mail.Open()
	if err != nil {
		t.Fatal(err)
	}
	l := &letters{box: box}
	defer func() { _ = l.box.Close() }()
	l.Stack = stack.Start(t, stack.Options{Binary: program(t), Replicas: 2, Identity: "dev",
		Settings: map[string]string{"mail.url": "smtp://" + box.Addr, "mail.from": "Example GmbH <privacy@example.com>"}})
	l.sales, l.desk = stack.Bearer(l.DevToken(t, "--role", "SALES_MANAGER")), stack.Bearer(l.DevToken(t, "--role", "SUPPORT_AGENT"))
	if l.db, err = pgx.Connect(t.Context(), l.Postgres.URL); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.db.Close(context.Background()) }()
	a, b := l.Gateways[0], l.Gateways[1]
	secrets := map[string]string{}
	keep := func(address, token string) {
		for kind, value := range map[string]string{"address": address, "token": token} {
			name := fmt.Sprintf("%s/%d", kind, len(secrets))
			if _, err := canary.New(map[string]string{name: value}); err == nil { // few tokens repeat themselves, and are found everywhere
				secrets[name] = value
			}
		}
	}
	var void page

	t.Run("asked, shown, answered once", func(t *testing.T) {
		id, address := l.person(t)
		link, token := l.link(t, a, id, address)
		keep(address, token)
		m := l.box.To(address)[0]
		for name, want := range map[string]string{"From": `"Example GmbH" <privacy@example.com>`, "Auto-Submitted": "auto-generated", "Content-Language": "de", "To": "<" + address + ">"} {
			if got := m.Header.Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		if m.Header.Get("Date") == "" || !strings.HasSuffix(m.Header.Get("Message-ID"), "@example.com>") || !strings.HasPrefix(m.Header.Get("Content-Type"), "text/plain") {
			t.Error(m.Header)
		}
		for _, want := range []string{"Example Trading GmbH", "Neuigkeiten und Angebote", "geschieht nichts"} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("no %q in\n%s", want, m.Text)
			}
		}
		if strings.Contains(m.Text+m.Subject, "Byron") || strings.Contains(m.Text, address) {
			t.Error("a name or an address is in the mail:", m.Text)
		}
		notice, _ := l.ask(t, a, l.desk, fmt.Sprintf(`query @for(purpose: SUPPORT) { consents(subject: %q) { purpose notice(language: "de") { text } } }`, id)).Dig("consents").([]any)
		shown := ""
		for _, n := range notice {
			if state, _ := n.(map[string]any); state["purpose"] == "MARKETING" {
				shown, _ = state["notice"].(map[string]any)["text"].(string)
			}
		}
		for range 3 { // a scanner of mail looks more than once
			p := l.open(t, link)
			if p.status != http.StatusOK || shown == "" || !strings.Contains(p.text, shown) || !strings.Contains(p.text, `<html lang="de">`) || strings.Contains(p.text, "<script") {
				t.Fatal(p.status, p.text)
			}
			for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
				if p.header.Get(name) != want {
					t.Errorf("%s: %s", name, p.header.Get(name))
				}
			}
			if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self'") || !strings.HasPrefix(csp, "default-src 'none'") {
				t.Error(csp)
			}
		}
		if given, history := l.stands(t, id); given || strings.Contains(history, "DOUBLE_OPT_IN") {
			t.Fatal("looking at the page decides:", history)
		}
		foreign := l.press(t, b, token, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
		if given, _ := l.stands(t, id); given || foreign.status != http.StatusForbidden {
			t.Fatal("a page of another site answers:", foreign)
		}
		done := l.press(t, b, token) // whichever gateway it comes to
		if done.status != http.StatusOK || !strings.Contains(done.text, "festgehalten") || !strings.Contains(done.text, "privacy@example.com") {
			t.Fatal(done)
		}
		given, history := l.stands(t, id)
		if !given || strings.Count(history, `"method":"DOUBLE_OPT_IN","actor":"subject","evidence":"mail `) != 1 || !strings.Contains(history, `"language":"de"`) || !strings.Contains(history, `"receipt":"ey`) {
			t.Error(given, history)
		}
		void = l.press(t, a, token)
		if _, again := l.stands(t, id); again != history || void.status != http.StatusNotFound {
			t.Errorf("answered twice: %d %s", void.status, again)
		}
		if p := l.open(t, link); p.text != void.text || p.status != void.status {
			t.Error("a used link is told apart:", p)
		}
		// As easily as it was given it is withdrawn.
		if w := l.ask(t, a, l.desk, fmt.Sprintf(`mutation @for(purpose: SUPPORT) { withdrawConsent(input: {purpose: MARKETING, subject: %q, method: TELEPHONE}) { consent { given } } }`, id)); w.Dig("withdrawConsent", "consent", "given") != false {
			t.Error(w.Raw)
		}
	})

	t.Run("links that do not work look the same", func(t *testing.T) {
		for name, happens := range map[string]func(id string) string{
			"too late": func(id string) string {
				if _, err := l.db.Exec(t.Context(), `UPDATE consent_requests SET link_until = extract(epoch FROM now()) * 1000000 - 1 WHERE used_at IS NULL`); err != nil {
					t.Fatal(err)
				}
				return ""
			},
			"tampered with": func(string) string { return "A" },
			"another address": func(id string) string {
				return fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {email: "other@example.org"}) { contact { id } } }`, id)
			},
		} {
			id, address := l.person(t)
			link, token := l.link(t, b, id, address)
			keep(address, token)
			switch q := happens(id); {
			case q == "A" && token[0] == 'A':
				token = "B" + token[1:]
			case q == "A":
				token = "A" + token[1:]
			case q != "":
				if a := l.ask(t, a, l.sales, q); len(a.Errors) > 0 {
					t.Fatal(a.Raw)
				}
			}
			if p := l.open(t, strings.Split(link, "?")[0]+"?t="+token); p.text != void.text || p.status != void.status {
				t.Error(name, "is told apart:", p)
			}
			if p := l.press(t, a, token); p.text != void.text || p.status != void.status {
				t.Error(name, "is told apart:", p)
			}
			if given, _ := l.stands(t, id); given {
				t.Error(name, "gives consent")
			}
		}
	})

	t.Run("two gateways send one mail", func(t *testing.T) {
		l.box.Slow(200 * time.Millisecond) // time enough for both to want the same one
		defer l.box.Slow(0)
		var all sync.WaitGroup
		people := map[string]string{}
		for range 10 {
			id, address := l.person(t)
			people[id] = address
		}
		n := 0
		for id := range people {
			n++
			all.Go(func() { _, _ = l.Gateways[n%2].Ask(t.Context(), l.desk, request(id)) })
		}
		all.Wait()
		for _, address := range people {
			_, token := l.arrives(t, address)
			keep(address, token)
		}
		time.Sleep(1500 * time.Millisecond) // both look every second
		for _, address := range people {
			if got := l.box.To(address); len(got) != 1 {
				t.Errorf("%d mails", len(got))
			}
		}
	})

	t.Run("a mail server that comes back", func(t *testing.T) {
		addr := l.box.Addr
		if err := l.box.Close(); err != nil {
			t.Fatal(err)
		}
		id, address := l.person(t)
		if a := l.ask(t, a, l.desk, request(id)); a.Dig("requestConsent", "accepted") != true {
			t.Fatal(a.Raw)
		}
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			ready, metrics := l.get(t, a.Admin+"/readyz")+l.get(t, b.Admin+"/readyz"), l.get(t, a.Admin+"/metrics")
			if strings.Contains(ready, "mails wait") && strings.Contains(metrics, "cloakroom_mails_waiting 1") {
				break
			}
			if time.Now().After(end) {
				t.Fatal("nobody says that a mail waits:", ready)
			}
		}
		out, _ := a.Command(t.Context(), "doctor").CombinedOutput()
		if !strings.Contains(string(out), "mail ") || !strings.Contains(string(out), "mail.url") {
			t.Errorf("the doctor says\n%s", out)
		}
		if l.box, err = mail.OpenAt(addr); err != nil {
			t.Fatal(err)
		}
		_, token := l.arrives(t, address)
		keep(address, token)
		if done := l.press(t, b, token); done.status != http.StatusOK {
			t.Error(done)
		}
		if given, _ := l.stands(t, id); !given {
			t.Error("not given")
		}
	})

	t.Run("whoever is erased is not asked", func(t *testing.T) {
		id, address := l.person(t)
		_, token := l.link(t, a, id, address)
		keep(address, token)
		before := l.count(t)
		if out, err := a.Command(t.Context(), "keys", "destroy", "--subject", id, "--because", "request 7", "--yes").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if n := l.count(t); n != before-1 {
			t.Errorf("%d requests before, %d after", before, n)
		}
		if p := l.press(t, a, token); p.text != void.text {
			t.Error(p)
		}
	})

	// No log, nothing in Redis and no row says which link leads where, or to whom.
	if len(secrets) < 20 {
		t.Errorf("%d secrets are too few", len(secrets))
	}
	s, err := canary.New(secrets)
	if err != nil {
		t.Fatal(err)
	}
	look := func(where string, hits []canary.Hit, err error) {
		t.Helper()
		if hits = believed(hits); len(hits) > 0 || err != nil {
			t.Error(where, hits, err)
		}
	}
	var rows string
	if err := l.db.QueryRow(t.Context(), `SELECT string_agg(r::text, E'\n') FROM consent_requests r`).Scan(&rows); err != nil || rows == "" {
		t.Fatal(rows, err)
	}
	hits, err := s.Reader("rows", strings.NewReader(rows))
	look("rows", hits, err)
	o, err := redis.ParseURL(l.Redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	defer func() { _ = client.Close() }()
	if err := client.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	hits, err = s.File(filepath.Join(l.Redis.Dir, "dump.rdb"))
	look("Redis", hits, err)
	for _, g := range l.Gateways {
		if log := g.Log(); !strings.Contains(log, "route=/consent/confirm") {
			t.Error("the log says nothing of it")
		}
		hits, err := s.Reader("log", strings.NewReader(g.Log()))
		look("log", hits, err)
	}
	t.Logf("%d secrets, %d bytes looked at", len(secrets), s.Scanned())
}

func (l *letters) count(t *testing.T) (n int) {
	t.Helper()
	if err := l.db.QueryRow(t.Context(), `SELECT count(*) FROM consent_requests`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (l *letters) get(t *testing.T, at string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := l.do(t, req)
	if p.status != http.StatusOK {
		t.Errorf("%s answers %d", at, p.status)
	}
	return p.text
}
