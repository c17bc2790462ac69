package read

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

func FuzzAppendString(f *testing.F) {
	f.Add("a\"b\\c\n\x00\u2028</script>é\xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := appendString(nil, s)
		var back string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%q is not JSON: %v", out, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && back != want {
			t.Fatalf("%q came back as %q", s, back)
		}
		if strings.ContainsAny(string(out), "<>&\u2028\u2029") {
			t.Fatalf("%q could end a script", out)
		}
	})
}

func TestAppendDecimal(t *testing.T) {
	for v, want := range map[int64]string{
		0: `"0"`, 10000: `"1"`, 12505000: `"1250.5"`, -1: `"-0.0001"`, -10000: `"-1"`, 99: `"0.0099"`,
		9223372036854775807: `"922337203685477.5807"`, -9223372036854775808: `"-922337203685477.5808"`,
	} {
		if got := string(appendDecimal(nil, v)); got != want {
			t.Errorf("%d: %s, want %s", v, got, want)
		}
	}
}

func TestGlobalIDs(t *testing.T) {
	id := uuid.New()
	typ, back, err := DecodeID(EncodeID("Contact", id))
	if err != nil || typ != "Contact" || back != id {
		t.Fatal(typ, back, err)
	}
	for _, s := range []string{"", "Contact", "Q29udGFjdDo", EncodeID("Contact", id) + "=", EncodeID("Contact", id)[1:], EncodeID("A:B", id)} {
		if _, _, err := DecodeID(s); err == nil {
			t.Errorf("%q passed as an id", s)
		}
	}
}

func TestCursorsAreBoundAndExpire(t *testing.T) {
	c, err := NewCursors(make([]byte, CursorKeySize), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0).UTC()
	k := keyset{ID: uuid.NewString(), Values: []any{"Lovelace", int64(7), nil, now, true, 1.5}}
	s, err := c.seal(k, "here", now)
	if err != nil {
		t.Fatal(err)
	}
	back, err := c.open(s, "here", len(k.Values), now.Add(59*time.Minute))
	if err != nil || back.ID != k.ID {
		t.Fatal(back, err)
	}
	for i := range k.Values {
		if back.Values[i] != k.Values[i] {
			t.Errorf("value %d came back as %v", i, back.Values[i])
		}
	}
	changed := []byte(s)
	changed[len(s)/2] ^= 1 // stays within the alphabet or leaves it: neither opens
	for name, open := range map[string]func() (keyset, error){
		"another place":       func() (keyset, error) { return c.open(s, "there", len(k.Values), now) },
		"later":               func() (keyset, error) { return c.open(s, "here", len(k.Values), now.Add(2*time.Hour)) },
		"another order":       func() (keyset, error) { return c.open(s, "here", 2, now) },
		"a changed character": func() (keyset, error) { return c.open(string(changed), "here", len(k.Values), now) },
		"nothing":             func() (keyset, error) { return c.open("", "here", len(k.Values), now) },
	} {
		if _, err := open(); !errors.Is(err, errCursor) {
			t.Errorf("%s: %v, want the one fixed error", name, err)
		}
	}
	// A short and a longer name make cursors of one length.
	other, _ := c.seal(keyset{ID: k.ID, Values: []any{"Li"}}, "here", now)
	longer, _ := c.seal(keyset{ID: k.ID, Values: []any{"Lovelace"}}, "here", now)
	if len(other) != len(longer) {
		t.Errorf("the length of a cursor tells the length of a value: %d and %d", len(other), len(longer))
	}
}

// echo opens nothing: it gives back what it was handed.
type echo struct{}

func (echo) Keys(context.Context, []uuid.UUID) (Keys, error) { return echo{}, nil }

func (echo) Open(_, _ uuid.UUID, _ *ir.Field, sealed any) (any, error) { return sealed, nil }

// What is sealed is a text, also where the field is a date: it is handed over as it is stored.
func TestSealedCellsAreHandedOverAsStored(t *testing.T) {
	for _, s := range []ir.Scalar{ir.String, ir.Date, ir.DateTime, ir.Int, ir.Float, ir.Boolean, ir.Decimal} {
		e := &encoder{r: &run{e: &Engine{opener: echo{}}, keys: echo{}}}
		f := &ir.Field{Owner: &ir.Type{Name: "Person"}, Name: "born", Scalar: s, Pii: &ir.Pii{Sealed: true}}
		id := cell{kind: cellUUID, s: strings.Repeat("i", 16)}
		got := e.open(&object{id: 0, subject: 0}, f, []cell{id, {kind: cellText, s: "ciphertext"}}, 1)
		if got.s != "ciphertext" || e.err != nil {
			t.Errorf("scalar %d: %v, %v", s, got, e.err)
		}
	}
}
