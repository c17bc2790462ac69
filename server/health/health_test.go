package health

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func check(name, words string, err error) Check {
	return Check{Name: name, Look: func(context.Context) (string, error) { return words, err }}
}

func tolerated(c Check) Check {
	c.Tolerated = true
	return c
}

var errRefused = errors.New("dial db.internal: refused")

func TestLook(t *testing.T) {
	for name, c := range map[string]struct {
		checks []Check
		state  State
		says   string
	}{
		"nothing to look at":    {nil, Up, "ready"},
		"all is well":           {[]Check{check("database", "", nil), check("keys", "", nil)}, Up, "ready"},
		"something is missing":  {[]Check{check("database", "", nil), check("keys", "sealed fields are withheld", nil)}, Degraded, "ready, but sealed fields are withheld"},
		"something may be away": {[]Check{check("database", "", nil), tolerated(check("redis", "limits hold for one replica", errRefused))}, Degraded, "ready, but limits hold for one replica"},
		"something must be there": {[]Check{check("database", "the database does not answer", errRefused), tolerated(check("redis", "x", errRefused))}, Down,
			"not ready: the database does not answer"},
		"two things":            {[]Check{check("a", "a is away", errRefused), check("b", "b is away", errRefused)}, Down, "not ready: a is away; b is away"},
		"a check without words": {[]Check{check("kratos", "", errRefused)}, Down, "not ready: kratos does not answer"},
		"a check that panics":   {[]Check{{Name: "x", Look: func(context.Context) (string, error) { panic("db.internal") }}}, Down, "not ready: the look at it failed"},
	} {
		b := NewBoard(slog.New(slog.DiscardHandler), c.checks)
		if r := b.Look(t.Context()); r.State != c.state || r.String() != c.says || len(r.Components) != len(c.checks) {
			t.Errorf("%s: %+v %s", name, r, r)
		}
	}
}

func TestACheckThatHangsIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBoard(slog.New(slog.DiscardHandler), []Check{{Name: "redis", Look: func(context.Context) (string, error) { time.Sleep(time.Hour); return "", nil }}, check("database", "", nil)})
		began := time.Now()
		r := b.Look(t.Context())
		if r.State != Down || time.Since(began) != Limit || r.Components[1].State != Up {
			t.Errorf("after %s: %+v", time.Since(began), r)
		}
		time.Sleep(time.Hour)
	})
}

func TestAnswers(t *testing.T) {
	var log bytes.Buffer
	err := errRefused
	b := NewBoard(slog.New(slog.NewTextHandler(&log, nil)), []Check{{Name: "database", Look: func(context.Context) (string, error) {
		if err != nil {
			return "the database does not answer", err
		}
		return "", nil
	}}})
	get := func(accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/readyz", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		return w
	}
	if w := get(""); w.Code != 503 || w.Body.String() != "not ready: the database does not answer\ndatabase: down\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get("application/json"); w.Code != 503 || w.Body.String() != `{"state":"down","components":[{"name":"database","state":"down","why":"the database does not answer"}]}`+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if b.States()["database"] != Down {
		t.Error(b.States())
	}
	if strings.Count(log.String(), "db.internal") != 1 {
		t.Errorf("want the cause once:\n%s", &log)
	}
	err = nil
	if w := get("text/html, */*"); w.Code != 200 || w.Body.String() != "ready\ndatabase: up\n" || !strings.Contains(log.String(), "there again") {
		t.Errorf("%d %s\n%s", w.Code, w.Body, &log)
	}
}
