package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
)

// question is asked by one link.
type question struct {
	schema    *ir.Schema
	err       error // of Confirm
	confirmed []string
}

const goodToken = "good-token"

func (q *question) Schema() *ir.Schema { return q.schema }

func (q *question) Asked(_ context.Context, t optin.Token) (graph.Asked, error) {
	if t.Reveal() != goodToken {
		return graph.Asked{}, graph.ErrVoid
	}
	return graph.Asked{Purpose: q.schema.Purposes[0], Text: consent.Text{Language: "de", Body: "Wir <b>kümmern</b> uns.\n- um Sie\n"}, ExpiresAt: time.Date(2027, 1, 2, 3, 4, 0, 0, time.UTC)}, nil
}

func (q *question) Confirm(ctx context.Context, t optin.Token) (graph.Asked, error) {
	q.confirmed = append(q.confirmed, t.Reveal())
	if q.err != nil {
		return graph.Asked{}, q.err
	}
	return q.Asked(ctx, t)
}

// slow lets one address in once.
type slow struct{ seen map[string]bool }

func (s slow) Spend(_ context.Context, sp graph.Spending) time.Duration {
	if sp.Principal != "" || s.seen[sp.Address] {
		return 90 * time.Second
	}
	s.seen[sp.Address] = true
	return 0
}

func TestPagesOfAMailedLink(t *testing.T) {
	s, found := compiler.Compile([]ir.Source{{Name: "told.graphqls", Text: small}})
	if len(found) > 0 {
		t.Fatal(found)
	}
	f := newFixture(t, echo)
	if w := f.do("GET", ConfirmPath+"?t="+goodToken, ""); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "<html") {
		t.Errorf("where nobody is asked: %d", w.Code)
	}
	q := &question{schema: s}
	f.server.asks = q
	f.handler = f.server.routes()
	form := []string{"Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin"}

	w := f.do("GET", ConfirmPath+"?t="+goodToken, "", "Sec-Fetch-Site: cross-site")
	body := w.Body.String()
	for _, want := range []string{`<html lang="de">`, "Sind Sie einverstanden? Pflege", "Wir &lt;b&gt;kümmern&lt;/b&gt; uns.\n- um Sie\n</section>", "2027-01-02 03:04 UTC",
		`<form method="post" action="/consent/confirm">`, `<button type="submit">Ich bin einverstanden</button>`, `name="t" value="good-token"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	h := w.Header()
	if w.Code != 200 || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Content-Language") != "de" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-") || !strings.Contains(h.Get("Content-Security-Policy"), "form-action 'self'") {
		t.Errorf("%d %v", w.Code, h)
	}
	if len(q.confirmed) != 0 {
		t.Error("looking confirms")
	}
	for name, headers := range map[string][]string{
		"another site's form":        {form[0], "Sec-Fetch-Site: cross-site"},
		"an older browser's":         {form[0], "Origin: https://elsewhere.test"},
		"a frame of a sister domain": {form[0], "Sec-Fetch-Site: same-site"},
	} {
		if w := f.do("POST", ConfirmPath, "t="+goodToken, headers...); w.Code != http.StatusForbidden || len(q.confirmed) != 0 {
			t.Errorf("%s: %d %v", name, w.Code, q.confirmed)
		}
	}
	if w := f.do("POST", ConfirmPath+"?t="+goodToken, "", form...); w.Code != http.StatusNotFound || q.confirmed[0] != "" {
		t.Errorf("a token in the address confirms: %d %v", w.Code, q.confirmed)
	}
	if w := f.do("POST", ConfirmPath, "t="+goodToken+strings.Repeat("&x=y", 4<<10), form...); w.Code != http.StatusNotFound || q.confirmed[1] != "" {
		t.Errorf("much is read: %d", w.Code)
	}
	w = f.do("POST", ConfirmPath, "t="+goodToken, form...)
	if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, "Sie haben eingewilligt in: Pflege") || !strings.Contains(body, "http://127.0.0.1:0") || strings.Contains(body, "<form") || strings.Contains(body, goodToken) {
		t.Errorf("%d %s", w.Code, body)
	}

	for _, c := range []struct {
		name string
		err  error
		code int
		want string
	}{
		{"void", graph.ErrVoid, 404, "Ce lien ne fonctionne pas"},
		{"nobody knows", read.Fail(read.CodeUnknown, "x"), 503, "Il n’est pas certain"},
		{"no database", errors.New("dial db.internal"), 503, "Veuillez réessayer"},
	} {
		q.err = c.err
		w := f.do("POST", ConfirmPath, "t="+goodToken, append(form, "Accept-Language: fr-CA,en;q=0.5")...)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "db.internal") {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
	if log := f.log.String(); strings.Contains(log, goodToken) || !strings.Contains(log, "route=/consent/confirm") || !strings.Contains(log, "db.internal") {
		t.Error(log)
	}
	f.server.limiter = slow{map[string]bool{}}
	f.handler = f.server.routes()
	if w := f.do("GET", ConfirmPath+"?t=x", ""); w.Code != http.StatusNotFound {
		t.Errorf("the first: %d", w.Code)
	}
	if w := f.do("GET", ConfirmPath+"?t="+goodToken, "", "Accept-Language: de"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "90" || strings.Contains(w.Body.String(), goodToken) {
		t.Errorf("the second: %d %v", w.Code, w.Header())
	}
}

func TestMailNeedsASenderAndAWayBack(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--mail.url", "smtp://127.0.0.1:25", "--mail.from", "a@example.com"}, ""},
		{[]string{"--mail.url", "smtp://127.0.0.1:25"}, "mail.from: "},
		{[]string{"--mail.url", "smtp://127.0.0.1:25", "--mail.from", "nobody"}, "mail.from: "},
		{[]string{"--mail.url", "http://u:secret@127.0.0.1:25", "--mail.from", "a@example.com"}, "mail.url: "},
		{[]string{"--mail.url", "smtp://127.0.0.1:25", "--mail.from", "a@example.com", "--listen", "127.0.0.1:0"}, "public-url: "},
		{[]string{"--mail.url", "smtp://127.0.0.1:25", "--mail.from", "a@example.com", "--listen", "0.0.0.0:80", "--identity", "kratos", "--kratos.url", "http://127.0.0.1:4433"}, "public-url: "},
		{[]string{"--mail.valid", "0s"}, "mail.valid: "},
	} {
		_, err := load(t, nil, c.args...)
		if (err == nil) != (c.want == "") || err != nil && (!strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}
