package read

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
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

// echo opens by giving back what it was handed, or nothing.
type echo struct {
	closed
	shut bool
}

func (e echo) Open(dst []byte, _, _ uuid.UUID, _ *ir.Field, sealed []byte) ([]byte, bool) {
	if e.shut {
		return nil, false
	}
	return append(dst, sealed...), true
}

// What was sealed is taken as what it was, on both databases and of every kind. What does not open is missing.
func TestSealedCells(t *testing.T) {
	at := time.Date(2026, 11, 25, 0, 0, 0, 1000, time.UTC)
	for _, c := range []struct {
		scalar ir.Scalar
		value  any
		want   string
	}{
		{ir.String, "Zoë", `"Zoë"`}, {ir.String, "", `""`}, {ir.Date, at, `"2026-11-25"`}, {ir.DateTime, at, `"2026-11-25T00:00:00.000001Z"`},
		{ir.Int, int64(-7), "-7"}, {ir.Float, 0.5, "0.5"}, {ir.Boolean, true, "true"}, {ir.Decimal, int64(15000), `"1.5"`},
		{ir.JSON, json.RawMessage(`["a",1]`), `["a",1]`}, {ir.EnumScalar, "LEAD", `"LEAD"`},
	} {
		plain, err := format.AppendPlain(nil, c.value)
		if err != nil {
			t.Fatal(err)
		}
		f := &ir.Field{Owner: &ir.Type{Name: "Person"}, Name: "x", Scalar: c.scalar, Pii: &ir.Pii{Sealed: true}}
		id := cell{kind: cellUUID, s: strings.Repeat("i", 16)}
		row := []cell{id, {kind: cellText, s: string(plain)}}
		for shut, want := range map[bool]string{false: c.want, true: "null"} {
			e := &encoder{r: &run{e: &Engine{opener: closed{}}, keys: echo{shut: shut}, mem: new(memory)}}
			got, _ := e.open(&object{id: 0, subject: 0}, f, row, spot{1, -1})
			e.value(f, got)
			if string(e.buf) != want || e.err != nil {
				t.Errorf("%v, shut %v: %s, %v, want %s", c.value, shut, e.buf, e.err, want)
			}
		}
	}
}

// Of what does not open no mask is made: the people whose keys are gone would all share one pseudonym.
func TestMaskOfWhatDoesNotOpen(t *testing.T) {
	id, sealed := cell{kind: cellUUID, s: strings.Repeat("i", 16)}, cell{kind: cellText, s: "?"}
	for nonNull, want := range map[bool]string{true: `"` + policy.Veil + `"`, false: "null"} {
		f := &ir.Field{Owner: &ir.Type{Name: "Person"}, Name: "x", Type: ir.TypeRef{NonNull: nonNull}, Pii: &ir.Pii{Sealed: true, Mask: ir.MaskPseudonym}}
		req := policy.Request{Purpose: &ir.Purpose{Name: "SALES"}}
		e := &encoder{r: &run{e: &Engine{masker: policy.NewMasker([]byte("k"))}, keys: echo{shut: true}, mem: new(memory), session: &Session{Request: req}, saw: make([]seen, 1)}}
		it := &item{field: f, cell: &policy.Cell{Field: f, Outcome: policy.Mask, Mask: ir.MaskPseudonym}, at: spot{1, -1}, open: -1}
		e.cell(&object{id: 0, subject: 0}, it, []cell{id, sealed}, 0)
		if string(e.buf) != want || e.err != nil {
			t.Errorf("non-null %t: %s, %v, want %s", nonNull, e.buf, e.err, want)
		}
	}
}

// While a field moves, a value is in one of two columns.
func TestCellsOnTheWay(t *testing.T) {
	plain, err := format.AppendPlain(nil, "sealed")
	if err != nil {
		t.Fatal(err)
	}
	id, sealed, open := cell{kind: cellUUID, s: strings.Repeat("i", 16)}, cell{kind: cellText, s: string(plain)}, cell{kind: cellText, s: "plain"}
	for _, c := range []struct {
		seals bool
		row   []cell
		want  string
	}{
		{true, []cell{id, sealed, {}}, "sealed"}, {true, []cell{id, {}, open}, "plain"}, {true, []cell{id, {}, {}}, ""},
		{false, []cell{id, open, {}}, "plain"}, {false, []cell{id, {}, sealed}, "sealed"},
	} {
		e := &encoder{r: &run{e: &Engine{opener: closed{}}, keys: echo{}, mem: new(memory)}}
		f := &ir.Field{Owner: &ir.Type{Name: "Person"}, Name: "x", Pii: &ir.Pii{Sealed: c.seals}}
		if got, ok := e.open(&object{id: 0, subject: 0}, f, c.row, spot{1, 2}); !ok || got.s != c.want || e.err != nil {
			t.Errorf("%v: %q, %v", c, got.s, e.err)
		}
	}
}
