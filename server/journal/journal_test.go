package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/seal"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

const canary = "alva.canary@example.com"

// formats are the ways in which a log is written.
func formats(w io.Writer) map[string]slog.Handler {
	return map[string]slog.Handler{"text": slog.NewTextHandler(w, nil), "json": slog.NewJSONHandler(w, nil)}
}

// TestPersonalValuesCannotBeLogged logs each type that holds some, in every position, and things that nobody has thought of.
func TestPersonalValuesCannotBeLogged(t *testing.T) {
	type unknown struct {
		Open   string
		hidden string
	}
	name := canary
	values := map[string]any{
		"a principal":           policy.Principal{ID: canary, Role: "R", Attrs: map[string]any{"a": canary}},
		"a session":             read.Session{Principal: policy.Principal{ID: canary}},
		"a sealed field's cell": seal.Open(canary),
		"a record to write":     importer.Row{Values: map[string]any{"email": canary}},
		"a stored record":       &ent.ConsentEntry{Actor: canary},
		"a consent":             consent.Entry{Evidence: canary},
		"keys":                  graph.Keys{Cursor: []byte(canary)},
		"variables":             map[string]any{"email": canary},
		"a list":                []string{canary},
		"bytes":                 []byte(canary),
		"json":                  json.RawMessage(`"` + canary + `"`),
		"a pointer":             &name,
		"something new":         unknown{canary, canary},
		"a pointer to it":       &unknown{canary, canary},
		"a function's words":    fmt.Stringer(textOf(canary)),
		"a named text":          kindOf(canary),
		"a URL":                 &url.URL{Host: canary},
	}
	for what, v := range values {
		for format := range formats(nil) {
			var b bytes.Buffer
			log := slog.New(Handler(formats(&b)[format]))
			log.Info("x", "v", v)
			log.Info("x", slog.Group("g", slog.Any("v", v), slog.Group("h", "v", v)))
			log.With("v", v).WithGroup("g").With("w", v).Info("x", "p", &v)
			log.Info("x", "v", slog.AnyValue(later{v}))
			if strings.Contains(b.String(), "canary") || strings.Count(b.String(), "\n") != 4 {
				t.Errorf("%s, %s:\n%s", what, format, &b)
			}
		}
	}
}

// TestTypesWithPersonalValuesPrintNothing is about what becomes text before it is logged.
func TestTypesWithPersonalValuesPrintNothing(t *testing.T) {
	for what, v := range map[string]any{
		"a principal":           policy.Principal{ID: canary, Attrs: map[string]any{"a": canary}},
		"a session":             read.Session{Principal: policy.Principal{ID: canary}},
		"a sealed field's cell": seal.Open(canary),
		"a record to write":     importer.Row{Values: map[string]any{"email": canary}},
		"a stored record":       &ent.ConsentEntry{Actor: canary},
		"a consent":             consent.Entry{Evidence: canary},
		"keys":                  graph.Keys{Cursor: []byte(canary), Pseudonym: []byte(canary)},
	} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", v, v, v, v), fmt.Sprintf("%v %+v %#v", []any{v}, &v, map[string]any{"a": v}), string(raw)} {
			if strings.Contains(text, "canary") || strings.Contains(text, "61 6c 76 61") || strings.Contains(text, "97 108 118") {
				t.Errorf("%s: %s", what, text)
			}
		}
	}
}

type textOf string

func (t textOf) String() string { return string(t) }

type kindOf string

type later struct{ v any }

func (l later) LogValue() slog.Value { return slog.AnyValue(l.v) }

func TestCauses(t *testing.T) {
	pg := &pgconn.PgError{Severity: "ERROR", Code: "23505", Message: "duplicate key value violates unique constraint", Detail: "Key (email)=(" + canary + ") already exists.",
		Hint: canary, Where: canary, InternalQuery: canary, ConstraintName: "contacts_email_key", TableName: "contacts", ColumnName: ""}
	_, number := strconv.Atoi(canary)
	_, parsed := time.Parse(time.RFC3339, canary)
	var address error = &url.Error{Op: "parse", URL: "http://" + canary + " canary/%zz", Err: errors.New("invalid URL escape")}
	_, id := uuid.Parse(canary)
	for what, c := range map[string]struct {
		err   error
		wants string
	}{
		"of PostgreSQL":              {fmt.Errorf("write a contact: %w", pg), "write a contact: postgres error 23505 constraint contacts_email_key table contacts: a value that must be unique is taken"},
		"joined":                     {errors.Join(errors.New("first"), fmt.Errorf("then: %w", pg)), "first\nthen: postgres error 23505"},
		"in other words":             {other{pg}, "postgres error 23505"},
		"of a value of a wrong type": {fmt.Errorf("x: %w", &pgconn.PgError{Code: "22P02", Message: `invalid byte sequence: canary`}), "x: postgres error 22P02: a value does not fit its type"},
		"of a short code":            {&pgconn.PgError{Code: "X"}, "postgres error X"},
		"of a number":                {number, "strconv.Atoi: parsing"},
		"of a time":                  {parsed, "parsing time"},
		"of a URL":                   {address, "parse"},
		"of an id":                   {id, "invalid UUID"},
		"of database/sql":            {errors.New(`sql: Scan error on column index 0, name "email": converting driver.Value type string ("` + canary + `") to a int64: invalid syntax`), "sql: Scan error on column index 0"},
		"of pgx":                     {errors.New("failed to encode args[0]: unable to encode []byte{0x61, 0x6c} canary@example.com into text format for uuid"), "unable to encode []byte{…} …"},
		"a quotation without end":    {errors.New(`near "` + canary), `near "…`},
		"in single quotes":           {errors.New("unexpected 'canary' here"), "unexpected '…' here"},
		"with apostrophes":           {errors.New("the person's key was destroyed, and the row's owner's too"), "the person's key was destroyed, and the row's owner's too"},
		"detail that is text":        {errors.New("Key (email)=(canary) already exists"), "Key (email)=(…) already exists"},
		"of its own words":           {fmt.Errorf("read: %w", own{}), "read: what may be told"},
		"that cannot be printed":     {(*broken)(nil), withheld},
	} {
		for format := range formats(nil) {
			var b bytes.Buffer
			slog.New(Handler(formats(&b)[format])).Error("x", "err", c.err)
			if strings.Contains(b.String(), "canary") {
				t.Errorf("%s: %s", what, &b)
			}
		}
		if got := Cause(c.err); !strings.Contains(got, c.wants) {
			t.Errorf("%s: %s, want %s", what, got, c.wants)
		}
	}
}

// other has words of its own for what it wraps.
type other struct{ error }

func (o other) Error() string { return "canary " + o.error.(*pgconn.PgError).Detail } //nolint:errorlint // a test
func (o other) Unwrap() error { return o.error }

type own struct{}

func (own) Error() string { return "canary" }
func (own) Cause() string { return "what may be told" }

type broken struct{ s string }

func (b *broken) Error() string { return b.s }

func TestRecordsNameTheirRequest(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(Handler(slog.NewTextHandler(&b, nil)))
	ctx, id := NewRequest(context.Background())
	log.InfoContext(ctx, "x", "n", 1, "d", time.Second, "id", uuid.Nil)
	if got := b.String(); len(id) < 20 || !strings.Contains(got, " n=1 d=1s id=00000000-0000-0000-0000-000000000000 request="+id+"\n") {
		t.Error(got)
	}
}
