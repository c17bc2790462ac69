package server

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optout"
)

// exit lets out whoever has the word, and counts them.
type exit struct {
	schema *ir.Schema
	left   int
	fault  error
}

const word = "let-me-out"

func (e *exit) Schema() *ir.Schema { return e.schema }

func (e *exit) Leaving(token string) (*ir.Purpose, error) {
	if token != word {
		return nil, graph.ErrVoid
	}
	return e.schema.Purpose("CARE"), nil
}

func (e *exit) Leave(_ context.Context, token string) (*ir.Purpose, error) {
	p, err := e.Leaving(token)
	if err != nil {
		return nil, err
	}
	if e.fault == nil {
		e.left++
	}
	return p, e.fault
}

// One click in a mail program is a form sent from nowhere; a click on our page is the same form.
func TestOneClick(t *testing.T) {
	s, found := compiler.Compile([]ir.Source{{Name: "told.graphqls", Text: small}})
	if len(found) > 0 {
		t.Fatal(found)
	}
	parts := &bytes.Buffer{}
	form := multipart.NewWriter(parts)
	if err := errors.Join(form.WriteField("List-Unsubscribe", "One-Click"), form.Close()); err != nil {
		t.Fatal(err)
	}
	const there, urlencoded = optout.Path + "?t=" + word, "Content-Type: application/x-www-form-urlencoded"
	click := url.Values{"List-Unsubscribe": {"One-Click"}}.Encode()
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		fault              error
		status, left       int
		says               string
	}{
		"a look":                      {"GET", there, "", nil, nil, 200, 0, `<button type="submit">`},
		"a look in German":            {"GET", there, "", []string{"Accept-Language: de"}, nil, 200, 0, `<html lang="de">`},
		"a mail program":              {"POST", there, click, []string{urlencoded}, nil, 200, 1, "We stop"},
		"another one":                 {"POST", there, parts.String(), []string{"Content-Type: " + form.FormDataContentType()}, nil, 200, 1, "We stop"},
		"a mail program on the web":   {"POST", there, click, []string{urlencoded, "Origin: https://mail.example.com", "Sec-Fetch-Site: cross-site"}, nil, 200, 1, "We stop"},
		"our page":                    {"POST", optout.Path, click + "&t=" + word, []string{urlencoded}, nil, 200, 1, "We stop"},
		"a form of something else":    {"POST", there, "x=y", []string{urlencoded}, nil, 200, 0, `<button type="submit">`},
		"a link that is none":         {"GET", optout.Path + "?t=x", "", nil, nil, 404, 0, "does not work"},
		"a click on one that is none": {"POST", optout.Path + "?t=x", click, []string{urlencoded}, nil, 404, 0, "does not work"},
		"no token":                    {"POST", optout.Path, click, []string{urlencoded}, nil, 404, 0, "does not work"},
		"a form that is long":         {"POST", there, "x=" + strings.Repeat("y", maxForm) + "&" + click, []string{urlencoded}, nil, 200, 0, `<button type="submit">`},
		"the database is away":        {"POST", there, click, []string{urlencoded}, errors.New("a secret"), 503, 0, "try again"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			e := &exit{schema: s, fault: c.fault}
			f.server.leaves = e
			f.handler = f.server.routes()
			r := f.do(c.method, c.path, c.body, c.headers...)
			if r.Code != c.status || e.left != c.left || !strings.Contains(r.Body.String(), c.says) {
				t.Errorf("%d, %d left: %s", r.Code, e.left, r.Body)
			}
			h := r.Header()
			if !strings.Contains(h.Get("Content-Security-Policy"), "form-action 'self'") || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", h)
			}
			if strings.Contains(f.log.String(), word) || strings.Contains(r.Body.String(), "secret") {
				t.Error("the token is in the log, or the page says too much")
			}
			if r.Code == http.StatusOK && c.left == 0 && !strings.Contains(r.Body.String(), `name="List-Unsubscribe" value="One-Click"`) {
				t.Error("the button does not say what one click does")
			}
		})
	}
}
