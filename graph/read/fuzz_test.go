package read

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

var fuzzTime = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func fuzzCursors(t testing.TB) *Cursors {
	t.Helper()
	c, err := NewCursors(bytes.Repeat([]byte{7}, CursorKeySize), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever a client sends as a cursor is a place in the order, or the one fixed error.
func FuzzOpenCursor(f *testing.F) {
	c := fuzzCursors(f)
	sealed, err := c.seal(keyset{ID: uuid.UUID{1}.String(), Values: []any{"a", nil}}, "here", fuzzTime)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, "here", 2)
	f.Add(sealed, "there", 2)
	f.Add(sealed, "here", 1)
	f.Add("", "", 0)
	f.Add("AAAA", "here", 0)
	f.Add(strings.Repeat("A", 1000), "here", -1)
	f.Fuzz(func(t *testing.T, s, bind string, terms int) {
		k, err := c.open(s, bind, terms, fuzzTime)
		if err != nil {
			if !errors.Is(err, errCursor) {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		if _, err := uuid.Parse(k.ID); err != nil || len(k.Values) != terms || s != sealed || bind != "here" {
			t.Fatalf("%q opened as %v", s, k)
		}
	})
}

// What was sealed comes back as it was, and with anything changed not at all.
func FuzzSealCursor(f *testing.F) {
	c := fuzzCursors(f)
	f.Add("Lovelace", int64(-7), 1.5, true, int64(1e15), "here", 10, byte('A'))
	f.Add("", int64(0), 0.0, false, int64(0), "", 0, byte('\n'))
	f.Add("\u2028\x00", int64(1<<62), -1e300, true, int64(-1), "viewer", 63, byte('='))
	f.Fuzz(func(t *testing.T, s string, i int64, x float64, b bool, micros int64, bind string, at int, with byte) {
		if x != x || x-x != 0 {
			t.Skip("no column holds it")
		}
		at %= 1 << 20
		if at < 0 {
			at = -at
		}
		s = strings.ToValidUTF8(s, "?") // databases hold nothing else
		micros %= 1 << 53               // within the years that JSON can write
		k := keyset{ID: uuid.UUID{9}.String(), Values: []any{s, i, nil, x, b, time.UnixMicro(micros).UTC()}}
		sealed, err := c.seal(k, bind, fuzzTime)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.seal(k, bind, fuzzTime); err != nil || again != sealed {
			t.Fatalf("one place has two cursors: %s and %s", sealed, again)
		}
		back, err := c.open(sealed, bind, len(k.Values), fuzzTime)
		if err != nil || back.ID != k.ID || !slices.Equal(back.Values, k.Values) {
			t.Fatalf("%v came back as %v, %v", k, back, err)
		}
		changed := []byte(sealed)
		changed[at%len(changed)] = with
		inserted := slices.Insert([]byte(sealed), at%(len(sealed)+1), with)
		cut := sealed[:at%len(sealed)]
		for _, other := range []string{string(changed), string(inserted), cut, cut + sealed} {
			if other == sealed {
				continue
			}
			if _, err := c.open(other, bind, len(k.Values), fuzzTime); !errors.Is(err, errCursor) {
				t.Fatalf("%q is not %q and opens all the same", other, sealed)
			}
		}
		if _, err := c.open(sealed, bind+"x", len(k.Values), fuzzTime); !errors.Is(err, errCursor) {
			t.Fatal("it opens at another place")
		}
	})
}

// A text is an id if and only if this gateway would have written it: a row has one id.
func FuzzDecodeID(f *testing.F) {
	id := EncodeID("Contact", uuid.UUID{1, 2, 3})
	f.Add(id)
	f.Add(id + "=")
	f.Add(id + "\n")
	f.Add(EncodeID("", uuid.UUID{}))
	f.Add(EncodeID("A:B", uuid.UUID{}))
	f.Add("nonsense")
	f.Fuzz(func(t *testing.T, s string) {
		typ, id, err := DecodeID(s)
		switch {
		case err != nil && (!errors.Is(err, ErrBadID) || typ != "" || id != uuid.Nil):
			t.Fatalf("%q: %v, %s, %s", s, err, typ, id)
		case err == nil && (typ == "" || strings.Contains(typ, ":") || EncodeID(typ, id) != s):
			t.Fatalf("%q is another way to write %s %s", s, typ, id)
		}
	})
}

// Any JSON as a filter and an order makes SQL that runs, or an error with a code that quotes nothing of it. A row is either in
// what a filter finds, or in what its opposite finds, or not comparable; it is never in both.
func FuzzFilterAndOrder(f *testing.F) {
	p := newPeople(f)
	person := p.person
	for _, seed := range [][2]string{
		{`{}`, `[]`},
		{`{"region": {"eq": "EMEA", "contains": "M", "startsWith": "E", "in": ["a", "b"], "notIn": [], "isNull": false}}`, `[{"field": "REGION", "direction": "DESC"}]`},
		{`{"and": [{"count": {"gt": 1}}, {"score": {"lte": 0.5}}], "or": [{"worth": {"eq": "1.5"}}, {}], "not": {"happy": {"ne": true}}}`, `{"field": "SCORE"}`},
		{`{"since": {"lt": "2026-11-24T09:00:00Z"}, "born": {"gte": "1990-01-01"}, "stage": {"in": ["WON"]}}`, `[{"field": "SINCE", "direction": "ASC"}, {"field": "BORN"}]`},
		{`{"email": {"eq": "ada@example.com"}, "phone": {"startsWith": "+44"}}`, `null`},
		{`{"email": {"in": ["ADA@example.com", "bob@example.com"], "isNull": false}, "not": {"email": {"eq": "eve@example.com"}}}`, `[]`},
		{`{"or": [{"badge": {"eq": 7}}, {"salary": {"in": ["0.0001", 2]}}, {"joined": {"isNull": true}}]}`, `[]`},
		{`{"not": {"boss": {"email": {"in": []}}}, "email": {"in": null}, "badge": {"in": [null]}, "secret": {"eq": "x"}}`, `[]`},
		{`{"name": {"eq": "Ada"}}`, `[{"field": "NAME"}]`},
		{`{"boss": {"boss": {"region": {"eq": "x"}}}, "id": {"eq": "` + EncodeID("Person", uuid.UUID{1}) + `"}}`, `[]`},
		{`{"staff": {"region": {"eq": "x"}}, "both": {"eq": "x"}, "more": {"eq": {}}}`, `[{"field": "STAFF"}]`},
		{`{"nothing": {"eq": 1}}`, `[]`},
		{`{"nothing": {"eq": 1}, "region": "x", "not": [], "and": 1}`, `[1, null, {"field": 1}]`},
		{`{"region": {"contains": "\u0000"}, "count": {"eq": 1e99}, "score": {"eq": "x"}, "worth": {"eq": 99999999999999999}}`, `[{"field": "id"}]`},
		{`{"region": {"nothing": 1}, "stage": {"eq": "LOST"}}`, `[{"field": "__TYPE_NAME", "direction": "UP"}]`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, whereJSON, orderJSON string) {
		where, ok := decoded(whereJSON)
		orderBy, ok2 := decoded(orderJSON)
		if !ok || !ok2 {
			t.Skip("not JSON")
		}
		_, _, err := p.compile(where, orderBy)
		if refusal(t, err); err == nil {
			found, sql, err := p.find(where, orderBy)
			if err != nil {
				t.Fatalf("%s %s: %v\n%s", whereJSON, orderJSON, err, sql)
			}
			others, sql, err := p.find(map[string]any{"not": where}, orderBy)
			if err != nil && CodeOf(err) != CodeBadInput {
				t.Fatalf("not %s %s: %v\n%s", whereJSON, orderJSON, err, sql)
			}
			for _, id := range found {
				if slices.Contains(others, id) {
					t.Fatalf("%s finds %s, and so does its opposite\n%s", whereJSON, id, sql)
				}
			}
		}
		// Once more with every text of the client's marked, where it is not a word of the schema.
		_, _, err = p.compile(marked(person, where), marked(person, orderBy))
		var mine *Error
		if refusal(t, err); errors.As(err, &mine) && strings.Contains(mine.Message+mine.Field, mark) {
			t.Fatalf("%s %s: %v (%s) quotes the question", whereJSON, orderJSON, mine, mine.Field)
		}
	})
}

// refusal fails for an error that is not made for clients.
func refusal(t *testing.T, err error) {
	t.Helper()
	if code := CodeOf(err); err != nil && code != CodeBadInput && code != CodeFieldNotQueryable && code != CodeCostExceeded {
		t.Fatalf("%s: %v", code, err)
	}
}

func decoded(text string) (any, bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, false
	}
	return v, true
}

const mark = "¶"

func marked(t *ir.Type, v any) any {
	switch v := v.(type) {
	case string:
		return v + mark
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = marked(t, e)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if t.Field(k) == nil && !slices.Contains([]string{"and", "or", "not", "field", "direction", "eq", "in", "lt", "contains", "startsWith", "isNull"}, k) {
				k += mark
			}
			out[k] = marked(t, e)
		}
		return out
	}
	return v
}
