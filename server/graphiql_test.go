package server

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/schema"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

const (
	here   = "Host: 127.0.0.1:8080"
	asJSON = "Content-Type: application/json"
)

// deskFixture is a server with the page for trying operations, over the CRM's schema.
func deskFixture(t *testing.T, change func(*Config, *Desk)) *fixture {
	t.Helper()
	f := newFixture(t, echo)
	sources, err := compiler.LoadFS(schema.FS)
	if err != nil {
		t.Fatal(err)
	}
	s, problems := compiler.Compile(sources)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	dev, ok := f.server.who.(*identity.Dev)
	if !ok {
		t.Fatal("not the development identity")
	}
	f.server.config.Limits.Body = 10_000
	f.server.knownRole = func(role string) bool { return s.Role(role) != nil }
	f.server.desk = Desk{Schema: s, Issue: dev.IssueUntil,
		People: func(context.Context, int) ([]policy.SubjectID, error) {
			return []policy.SubjectID{uuid.UUID{15: 7}}, nil
		},
		Values: func(_ context.Context, column *ir.Field) ([]string, error) { return []string{column.Coordinate()}, nil }}
	f.server.files = fstest.MapFS{"graphiql.html": {Data: []byte("<!doctype html>")}, "assets/a-B1.js": {Data: []byte("1")},
		"assets/f.ttf": {Data: []byte("1")}, "assets/notes.txt": {Data: []byte("1")}, "secret.js": {Data: []byte("1")}}
	if change != nil {
		change(&f.server.config, &f.server.desk)
	}
	f.handler = f.server.routes()
	return f
}

func TestThePageAndItsFiles(t *testing.T) {
	f := deskFixture(t, nil)
	for _, c := range []struct {
		path   string
		status int
		kind   string
		cache  string
	}{
		{"/graphiql", 200, "text/html; charset=utf-8", "no-store"},
		{"/graphiql/", 200, "text/html; charset=utf-8", "no-store"},
		{"/graphiql/assets/a-B1.js", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/graphiql/assets/f.ttf", 200, "font/ttf", "public, max-age=31536000, immutable"},
		{"/graphiql/assets/notes.txt", 404, "text/plain; charset=utf-8", "no-store"},
		{"/graphiql/assets/b.js", 404, "text/plain; charset=utf-8", "no-store"},
		{"/graphiql/assets/..%2fsecret.js", 404, "text/plain; charset=utf-8", "no-store"},
		{"/graphiql/assets/", 404, "application/json; charset=utf-8", "no-store"},
	} {
		w := f.do("GET", c.path, "", here)
		h := w.Header()
		if w.Code != c.status || h.Get("Content-Type") != c.kind || h.Get("Cache-Control") != c.cache || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", c.path, w.Code, h)
		}
		if csp := h.Get("Content-Security-Policy"); c.status == 200 && (csp != deskPolicy || strings.Contains(csp, "unsafe-eval") || strings.Contains(csp, "http")) {
			t.Errorf("%s: policy %q", c.path, csp)
		}
	}
	f.server.files = fstest.MapFS{}
	if w := f.do("GET", "/graphiql", "", here); w.Code != 404 || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("a page that was not built: %d %s", w.Code, w.Body)
	}
	if w := f.do("GET", "/", "", here); !strings.Contains(w.Body.String(), `href="/graphiql"`) {
		t.Error("the start page does not lead to the page")
	}
}

func TestThePageIsOffWhereNobodyAskedForIt(t *testing.T) {
	for name, c := range map[string]struct {
		graphiQL, identity string
		page, token        int
	}{
		"development":            {"auto", "dev", 200, 200},
		"development, off":       {"off", "dev", 404, 404},
		"elsewhere":              {"auto", "kratos", 404, 404},
		"elsewhere, asked for":   {"on", "kratos", 200, 404},
		"development, asked for": {"on", "dev", 200, 200},
	} {
		f := deskFixture(t, func(config *Config, _ *Desk) { config.GraphiQL, config.Identity = c.graphiQL, c.identity })
		if w := f.do("GET", "/graphiql", "", here); w.Code != c.page {
			t.Errorf("%s: the page: %d", name, w.Code)
		}
		if w := f.do("GET", "/graphiql/context.json", "", here); w.Code != c.page {
			t.Errorf("%s: what the page is told: %d", name, w.Code)
		}
		if w := f.do("POST", "/dev/token", `{"role":"ADMIN"}`, here, asJSON); w.Code != c.token {
			t.Errorf("%s: a token: %d", name, w.Code)
		}
	}
}

func TestTokensOfThePage(t *testing.T) {
	f := deskFixture(t, func(c *Config, _ *Desk) { c.Origins = []string{"https://crm.example.com"} })
	person := uuid.NewString()
	for name, c := range map[string]struct {
		body    string
		headers []string
		status  int
		text    string
	}{
		"a role":                      {`{"role":"SALES_REP","attrs":{"region":"EMEA"}}`, []string{here, asJSON}, 200, `"token"`},
		"from our own page":           {`{"role":"ADMIN"}`, []string{here, asJSON, "Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1:8080"}, 200, `"token"`},
		"as localhost":                {`{"role":"ADMIN"}`, []string{"Host: localhost:9", asJSON}, 200, `"token"`},
		"over IPv6":                   {`{"role":"ADMIN"}`, []string{"Host: [::1]", asJSON}, 200, `"token"`},
		"a person":                    {`{"role":"CUSTOMER","subject":"` + person + `"}`, []string{here, asJSON}, 200, `"token"`},
		"from another site's page":    {`{"role":"ADMIN"}`, []string{here, asJSON, "Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}, 403, "FORBIDDEN"},
		"from another port's page":    {`{"role":"ADMIN"}`, []string{here, asJSON, "Sec-Fetch-Site: same-site", "Origin: http://127.0.0.1:3000"}, 403, "FORBIDDEN"},
		"from a site that may ask":    {`{"role":"ADMIN"}`, []string{here, asJSON, "Sec-Fetch-Site: cross-site", "Origin: https://crm.example.com"}, 403, "FORBIDDEN"},
		"from a name that leads here": {`{"role":"ADMIN"}`, []string{"Host: evil.test:8080", asJSON, "Sec-Fetch-Site: same-origin", "Origin: http://evil.test:8080"}, 403, "localhost or 127.0.0.1"},
		"a name that looks like ours": {`{"role":"ADMIN"}`, []string{"Host: 127.0.0.1.evil.test", asJSON}, 403, "FORBIDDEN"},
		"as a form":                   {`{"role":"ADMIN"}`, []string{here, "Content-Type: text/plain"}, 415, "BAD_INPUT"},
		"no role":                     {`{}`, []string{here, asJSON}, 400, "no such role"},
		"a role there is not":         {`{"role":"CANARY"}`, []string{here, asJSON}, 400, "no such role"},
		"a customer who is nobody":    {`{"role":"CUSTOMER"}`, []string{here, asJSON}, 400, "name the person"},
		"a person who is none":        {`{"role":"CUSTOMER","subject":"canary"}`, []string{here, asJSON}, 400, "UUID of a person"},
		"a built-in attribute":        {`{"role":"ADMIN","attrs":{"subject":"canary"}}`, []string{here, asJSON}, 400, "no attributes"},
		"far too many words":          {`{"role":"ADMIN","attrs":{"a":"` + strings.Repeat("x", 9000) + `"}}`, []string{here, asJSON}, 400, "fewer attributes"},
		"something else":              {`{"role":"ADMIN","life":"10000h"}`, []string{here, asJSON}, 400, "{role, attrs, subject}"},
		"two of them":                 {`{"role":"ADMIN"}{}`, []string{here, asJSON}, 400, "nothing behind it"},
		"no JSON":                     {`canary`, []string{here, asJSON}, 400, "BAD_INPUT"},
	} {
		w := f.do("POST", "/dev/token", c.body, c.headers...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) || strings.Contains(strings.ToLower(w.Body.String()), "canary") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || c.status != 200 && w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	w := f.do("POST", "/dev/token", `{"role":"SALES_REP","attrs":{"region":"EMEA"}}`, here, asJSON)
	var issued struct{ Token string }
	if err := json.Unmarshal(w.Body.Bytes(), &issued); err != nil {
		t.Fatal(err)
	}
	if w := f.do("POST", "/graphql", `{}`, asJSON, "Authorization: Bearer "+issued.Token); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "SALES_REP") {
		t.Errorf("the token is good for nothing: %d %s", w.Code, w.Body)
	}
	if log := f.log.String(); strings.Contains(log, issued.Token) || strings.Contains(log, "EMEA") || strings.Contains(log, person) {
		t.Errorf("what was sent is in the log:\n%s", log)
	}
}

func told(t *testing.T, f *fixture, headers ...string) guide {
	t.Helper()
	w := f.do("GET", "/graphiql/context.json", "", headers...)
	var g guide
	if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return g
}

func TestWhatThePageIsTold(t *testing.T) {
	f := deskFixture(t, nil)
	g := told(t, f, here)
	role := func(name string) guideRole {
		i := slices.IndexFunc(g.Roles, func(r guideRole) bool { return r.Name == name })
		if i < 0 {
			t.Fatalf("%s is not among the roles", name)
		}
		return g.Roles[i]
	}
	if r := role("MARKETER"); !slices.Equal(r.Purposes, []string{"MARKETING", "PROFILING"}) || r.Self || r.Description == "" {
		t.Errorf("MARKETER: %+v", r)
	}
	if !role("CUSTOMER").Self {
		t.Error("a customer need not be anybody")
	}
	if i := slices.IndexFunc(g.Purposes, func(p guidePurpose) bool { return p.Name == "MARKETING" }); i < 0 || g.Purposes[i].Basis != "CONSENT" || !strings.HasPrefix(g.Purposes[i].Notice, "If you agree") {
		t.Errorf("purposes: %+v", g.Purposes)
	}
	if len(g.People) != 1 || len(g.Attributes) != 1 || g.Attributes[0].Name != "region" || !slices.Equal(g.Attributes[0].Roles, []string{"SALES_REP"}) || !slices.Equal(g.Attributes[0].Values, []string{"Account.region"}) {
		t.Errorf("whom to be: %v, %+v", g.People, g.Attributes)
	}
	if w := f.do("GET", "/graphiql/context.json", "", "Host: evil.test"); w.Code != 403 {
		t.Errorf("a name that leads here is told who there is: %d", w.Code)
	}
	f = deskFixture(t, func(_ *Config, d *Desk) { d.People, d.Values = nil, nil })
	if g := told(t, f, here); g.People == nil || len(g.People) != 0 || len(g.Attributes[0].Values) != 0 {
		t.Errorf("without the demo: %v, %+v", g.People, g.Attributes)
	}
}

func TestStrangersAreToldNothing(t *testing.T) {
	f := deskFixture(t, func(c *Config, _ *Desk) {
		c.Identity, c.GraphiQL, c.Kratos.URL = "kratos", "on", "http://127.0.0.1:4433"
	})
	g := told(t, f)
	if len(g.Roles)+len(g.Purposes)+len(g.People)+len(g.Attributes) != 0 || g.Login == "" {
		t.Errorf("a stranger is told %+v", g)
	}
	g = told(t, f, "Authorization: Bearer "+f.token)
	if g.Role != "ADMIN" || len(g.Roles) != 1 || len(g.Purposes) != 1 || g.Purposes[0].Name != "SECURITY" || len(g.People)+len(g.Attributes) != 0 {
		t.Errorf("a viewer is told %+v", g)
	}
}
