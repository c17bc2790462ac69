package format_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
)

func TestPlainValuesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return string(b) + "\x80\x00\x00" }),
			rapid.Map(rapid.Int64(), func(n int64) any { return n }),
			rapid.Map(rapid.Float64(), func(f float64) any { return f }),
			rapid.Map(rapid.Bool(), func(b bool) any { return b }),
			rapid.Map(rapid.Int64Range(-1<<52, 1<<52), func(n int64) any { return time.UnixMicro(n).UTC() }),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) any { return uuid.UUID(b) }),
			rapid.Map(rapid.SliceOf(rapid.String()), func(s []string) any {
				raw, err := json.Marshal(s)
				if err != nil {
					t.Fatal(err)
				}
				return json.RawMessage(raw)
			}),
		).Draw(t, "value")
		before := rapid.SliceOf(rapid.Byte()).Draw(t, "before")
		b, err := format.AppendPlain(before, v)
		if err != nil {
			t.Fatal(err)
		}
		b = b[len(before):]
		if len(b)%16 != 0 {
			t.Errorf("%d bytes tell the length of the value", len(b))
		}
		back, err := format.PlainValue(b)
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Errorf("%#v came back as %#v, %v", v, back, err)
		}
	})
}

func TestPlainListsAreJSON(t *testing.T) {
	b, err := format.AppendPlain(nil, []any{"a", 1.5})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := format.PlainValue(b); err != nil || string(v.(json.RawMessage)) != `["a",1.5]` {
		t.Error(v, err)
	}
	if _, err := format.AppendPlain(nil, math.Inf); err == nil {
		t.Error(err)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte{1, 'a', 0x80, 0})
	f.Add([]byte{2, 0, 0, 0, 0, 0, 0, 0, 1, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := format.PlainValue(b)
		if err != nil {
			return
		}
		again, err := format.AppendPlain(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := format.PlainValue(again); err != nil || !reflect.DeepEqual(back, v) && v == v { //nolint:gocritic // NaN is unlike itself
			t.Errorf("%#v came back as %#v, %v", v, back, err)
		}
	})
}
