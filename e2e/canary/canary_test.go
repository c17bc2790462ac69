package canary_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
)

const border = 256 << 10 // where the scanner's chunks end

func random(seed byte, n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

func newScanner(t testing.TB, canaries map[string]string) *canary.Scanner {
	t.Helper()
	s, err := canary.New(canaries)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func scan(t testing.TB, s *canary.Scanner, r io.Reader) []canary.Hit {
	t.Helper()
	hits, err := s.Reader("there", r)
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

// TestEveryFormIsFoundAcrossChunks plants each form over a border between chunks, all in one file of random bytes. Every
// form has a canary of its own, so that none is found for another.
func TestEveryFormIsFoundAcrossChunks(t *testing.T) {
	values := map[string]string{}
	data := random(1, (len(writings)+2)*border)
	for i, w := range writings {
		values[w.name] = canary.RandomValue(24)
		p := w.write([]byte("<i>"), []byte(values[w.name]), []byte("</i>"))
		copy(data[(i+1)*border-len(p)/2:], p)
	}
	hits := scan(t, newScanner(t, values), bytes.NewReader(data))
	for _, w := range writings {
		t.Run(w.name, func(t *testing.T) {
			form, longest := false, 0
			for _, h := range about(hits, w.name) {
				form = form || h.Form == w.form && way(h) == w.way
				longest = max(longest, h.Length)
			}
			if !form || longest < 24-len("qxv") { // a line break may cut three off
				t.Errorf("want 24 bytes, %s in %q, got %v", w.form, w.way, about(hits, w.name))
			}
		})
	}
}

// way is how a hit was come by, without the places: "gzip hex".
func way(h canary.Hit) string {
	var steps []string
	for _, step := range strings.Split(h.Where, "!")[1:] {
		kind, _, _ := strings.Cut(step, "@")
		steps = append(steps, kind)
	}
	return strings.Join(steps, " ")
}

// TestSixBytesAreFoundAndFiveAreNot, in every form, whatever byte of the value they begin with.
func TestSixBytesAreFoundAndFiveAreNot(t *testing.T) {
	value := canary.RandomValue(24)
	s := newScanner(t, map[string]string{"it": value})
	for _, w := range writings {
		if w.name == "percent encoding of the first" {
			continue // %37 for a 7 has the 7 in it
		}
		t.Run(w.name, func(t *testing.T) {
			for at := range len(value) - 6 + 1 {
				for n := 5; n <= 6; n++ {
					// A space is no digit of any encoding, and no list goes on behind #.
					hits := scan(t, s, bytes.NewReader(w.write([]byte("## "), []byte(value[at:at+n]), []byte(" ##"))))
					if found := len(hits) > 0; found != (n == 6) {
						t.Errorf("%d bytes from %d on: found %v", n, at, hits)
					}
					for _, h := range hits {
						if h.Length != 6 || h.Form != w.form {
							t.Errorf("want 6 bytes, %s: got %v", w.form, h)
						}
					}
				}
			}
		})
	}
}

// TestEveryDistanceIsTheSame: scanning jumps over bytes that belong to no encoding, and must not jump too far.
func TestEveryDistanceIsTheSame(t *testing.T) {
	value := canary.RandomValue(6)
	s := newScanner(t, map[string]string{"it": value})
	for _, w := range writings {
		p := w.write(nil, []byte(value), nil)
		for n := range 60 {
			far := bytes.Repeat([]byte{0xff}, n)
			if hits := scan(t, s, bytes.NewReader(join(far, p, far))); len(hits) == 0 {
				t.Errorf("%s, %d bytes on: not found", w.name, n)
			}
		}
	}
}

// TestEveryCharacter has all characters a canary may consist of: some are another digit of Base64 for URLs, or mean
// something in an encoding.
func TestEveryCharacter(t *testing.T) {
	var all []byte
	for c := byte(' '); c <= '~'; c++ {
		if c != '\\' {
			all = append(all, c)
		}
	}
	s := newScanner(t, map[string]string{"it": string(all)})
	for _, w := range writings {
		if strings.HasPrefix(w.name, "percent encoding of") || strings.Contains(w.name, "two lines") {
			continue // not all is encoded, and what is not means something else
		}
		for at := range len(all) - 6 + 1 {
			p := w.write([]byte("## "), all[at:at+6], []byte(" ##"))
			hits := scan(t, s, bytes.NewReader(p))
			if !slices.ContainsFunc(hits, func(h canary.Hit) bool { return h.Form == w.form && way(h) == w.way }) {
				t.Errorf("%s, %q: got %v", w.name, all[at:at+6], hits)
			}
		}
	}
}

// TestAnyRemnantAnywhere plants a random remnant of a random value in a random form among random bytes, and reads them in
// random pieces.
func TestAnyRemnantAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(6, 40).Draw(t, "length of the value")
		value := canary.RandomValue(n)
		if rapid.Bool().Draw(t, "dotted") {
			value = canary.RandomDotted(n)
		}
		size := rapid.IntRange(6, n).Draw(t, "size of the remnant")
		at := rapid.IntRange(0, n-size).Draw(t, "where it begins")
		w := rapid.SampledFrom(writings).Draw(t, "form")
		wrap := func(label string) []byte {
			// Letters and digits too: they are what continues an encoding, and what a value stands among.
			alphabet := rapid.SampledFrom([]string{"", "0123456789abcdef", "ABCxyz019+/-_", "\x00 a", `\&%=#;n`}).Draw(t, label)
			return slices.Concat(junk(t, alphabet, label), separator(w))
		}
		before, behind := wrap("before"), wrap("behind")
		slices.Reverse(behind)
		planted := w.write(before, []byte(value[at:at+size]), behind)
		data := slices.Concat(junk(t, "", "file before"), separator(w), planted, separator(w), junk(t, "", "file behind"))

		s, err := canary.New(map[string]string{"it": value})
		if err != nil {
			t.Fatal(err)
		}
		var r io.Reader = bytes.NewReader(data)
		if rapid.Bool().Draw(t, "byte by byte") {
			r = iotest.OneByteReader(r)
		}
		hits, err := s.Reader("there", r)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(hits, func(h canary.Hit) bool { return h.Canary == "it" && h.Length >= min(size, 6) }) {
			t.Fatalf("%d bytes from %d on, %s: got %v in %q", size, at, w.name, hits, data)
		}
	})
}

// separator keeps a stranger's letters from running into a number, and a stranger's sign from making an escape of the
// value's first digits, where these are not encoded. Everything else must bear any neighbour.
func separator(w writing) []byte {
	if strings.HasSuffix(w.form, "list") || w.form == "quoted-printable" || strings.HasPrefix(w.name, "percent encoding of") {
		return []byte(" ")
	}
	return nil
}

func junk(t *rapid.T, alphabet, label string) []byte {
	p := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, label+" bytes")
	for i := range p {
		if alphabet != "" {
			p[i] = alphabet[int(p[i])%len(alphabet)]
		}
	}
	return p
}

// TestPiecesMakeNoDifference: the same bytes give the same hits, however they come.
func TestPiecesMakeNoDifference(t *testing.T) {
	values := map[string]string{}
	var data []byte
	for _, w := range writings {
		values[w.name] = canary.RandomValue(20)
		data = append(data, w.write([]byte(" <"), []byte(values[w.name]), []byte("> "))...)
	}
	s := newScanner(t, values)
	whole := scan(t, s, bytes.NewReader(data))
	for name, r := range map[string]io.Reader{
		"byte by byte": iotest.OneByteReader(bytes.NewReader(data)),
		"halves":       iotest.HalfReader(bytes.NewReader(data)),
	} {
		if got := scan(t, s, r); !slices.Equal(got, whole) {
			t.Errorf("%s: want %v, got %v", name, whole, got)
		}
	}
}

// TestChance holds the numbers of the package's comment: what 200 canaries of 24 bytes find by chance in data that has
// none of them.
func TestChance(t *testing.T) {
	plain, dotted := map[string]string{}, map[string]string{}
	for i := range 200 {
		plain[fmt.Sprint(i)], dotted[fmt.Sprint(i)] = canary.RandomValue(24), canary.RandomDotted(24)
	}
	base64Text := func(p []byte) []byte { return base64.StdEncoding.AppendEncode(nil, p) }
	hexText := func(p []byte) []byte { return hex.AppendEncode(nil, p) }
	decimal := func(p []byte) []byte {
		for i := range p {
			p[i] = '0' + p[i]%10
		}
		return p
	}
	for name, c := range map[string]struct {
		values map[string]string
		megs   int
		encode func([]byte) []byte
		wide   float64 // symbols the text is made of
	}{
		"random bytes":          {plain, 200, same, 256},
		"Base64":                {plain, 16, base64Text, 64},
		"Base64, dotted values": {dotted, 16, base64Text, math.Inf(1)},
		"hexadecimal":           {plain, 16, hexText, math.Inf(1)},
		"numbers":               {plain, 16, decimal, math.Inf(1)},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				c.megs /= 8
			}
			source := rand.NewChaCha8([32]byte{byte(c.megs), 7})
			n := int64(0)
			s := newScanner(t, c.values)
			hits := scan(t, s, reads(func(p []byte) (int, error) {
				if n >= int64(c.megs)<<20 {
					return 0, io.EOF
				}
				raw := make([]byte, len(p)/4*3)
				_, _ = source.Read(raw)
				size := copy(p, c.encode(raw))
				n += int64(size)
				return size, nil
			}))
			expected := expect(c.values, c.wide) * float64(n)
			t.Logf("%d MB: %.3g expected, %d found", c.megs, expected, len(hits))
			if got := float64(len(hits)); math.Abs(got-expected) > 6*math.Sqrt(expected)+2 {
				t.Errorf("want about %.3g hits, got %v: %v", expected, got, hits[:min(len(hits), 5)])
			}
		})
	}
}

type reads func([]byte) (int, error)

func (r reads) Read(p []byte) (int, error) { return r(p) }

// expect is the number of windows, in any case, that begin at one place of a text of equally likely symbols.
func expect(values map[string]string, symbols float64) float64 {
	sum := 0.0
	for _, v := range values {
		for i := range len(v) - 6 + 1 {
			chance := 1.0
			for _, b := range []byte(v[i : i+6]) {
				if b >= 'a' && b <= 'z' {
					chance *= 2
				}
				chance /= symbols
			}
			sum += chance
		}
	}
	return sum
}

func TestValues(t *testing.T) {
	for range 2000 {
		for name, v := range map[string]string{"plain": canary.RandomValue(24), "dotted": canary.RandomDotted(24)} {
			if len(v) != 24 {
				t.Fatalf("%s: %d bytes", name, len(v))
			}
			for i := range len(v) - 6 + 1 {
				w := v[i : i+6]
				if strings.Trim(w, "0123456789abcdef") == "" || strings.Trim(w, "ghijklmnopqrstuvwxyz") == "" {
					t.Errorf("%s: %s may be a word or a number", name, w)
				}
				if name == "dotted" && !strings.Contains(w, ".") {
					t.Errorf("%s has no dot", w)
				}
			}
			if _, err := canary.New(map[string]string{name: v}); err != nil {
				t.Error(err)
			}
		}
	}
	if first, second := canary.RandomValue(24), canary.RandomValue(24); first == second {
		t.Error("two values are the same")
	}
}

func TestWhatIsNoCanary(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]string
		want   string
	}{
		"none":               {nil, "no canaries"},
		"too short":          {map[string]string{"a": "qxv7w"}, "canary a: 5 bytes are too few"},
		"repeating itself":   {map[string]string{"a": "qxv7w00000012"}, "canary a: the 6 bytes from 4 on repeat themselves"},
		"in other letters":   {map[string]string{"a": "qxv7wzäm3k"}, "canary a: byte 6 is a backslash or not printable ASCII"},
		"with a backslash":   {map[string]string{"a": `qxv7wz\m3k`}, "canary a: byte 6 is a backslash or not printable ASCII"},
		"two, and both told": {map[string]string{"a": "qxv7w", "b": "m3k9p"}, "canary b"},
	} {
		_, err := canary.New(c.values)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "qxv7w") {
			t.Errorf("%s: want %q and no value, got %v", name, c.want, err)
		}
	}
}

// TestAHitKeepsTheSecret: reports are printed where anybody reads them.
func TestAHitKeepsTheSecret(t *testing.T) {
	value := canary.RandomValue(24)
	s := newScanner(t, map[string]string{"Contact.email/17": value})
	hits := scan(t, s, strings.NewReader("To: "+value+", \n"+strings.ToUpper(value)))
	if len(hits) != 2 {
		t.Fatalf("want 2 hits, got %v", hits)
	}
	printed := fmt.Sprintf("%v %+v %#v", hits[0], hits[0], hits[0])
	marshalled, err := json.Marshal(hits)
	if err != nil {
		t.Fatal(err)
	}
	if again := scan(t, s, strings.NewReader(printed+string(marshalled))); len(again) > 0 {
		t.Error("a printed hit holds the value")
	}
	if want, got := "there: 24 bytes of Contact.email/17 at 4, raw", hits[0].String(); got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if want, got := "there: 24 bytes of Contact.email/17 at 31, raw, in another case", hits[1].String(); got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

// TestWhereAHitIs: it says the way in.
func TestWhereAHitIs(t *testing.T) {
	value := canary.RandomValue(24)
	s := newScanner(t, map[string]string{"it": value})
	for name, c := range map[string]struct {
		data  []byte
		where string
		at    int64
	}{
		"raw":             {[]byte("12" + value), "there", 2},
		"hex":             {[]byte("12" + hex.EncodeToString([]byte("x"+value))), "there", 4},
		"base64":          {base64.StdEncoding.AppendEncode([]byte("!!"), []byte("xyz"+value)), "there", 6},
		"percent":         {[]byte("12" + string(each("%%%02X")([]byte(value)))), "there", 2},
		"utf-16":          {[]byte("12" + string(bytes.ReplaceAll(each("%c-")([]byte(value)), []byte("-"), []byte{0}))), "there", 2},
		"gzip":            {join([]byte("12"), gzipped([]byte("x"+value))), "there!gzip@2", 1},
		"gzip in gzip":    {join([]byte("12"), gzipped(join([]byte("345"), gzipped([]byte(value))))), "there!gzip@2!gzip@3", 0},
		"base64 and gzip": {base64.StdEncoding.AppendEncode([]byte("!!"), gzipped([]byte(value))), "there!base64@2!gzip@0", 0},
	} {
		hits := scan(t, s, bytes.NewReader(c.data))
		if len(hits) != 1 || hits[0].Where != c.where || hits[0].Offset != c.at || hits[0].Length != 24 {
			t.Errorf("%s: want one of 24 bytes at %s, %d, got %v", name, c.where, c.at, hits)
		}
	}
}

func TestTwoCanariesThatShareARemnant(t *testing.T) {
	value := canary.RandomValue(24)
	s := newScanner(t, map[string]string{"one": value, "two": value[8:] + canary.RandomValue(8)})
	if hits := scan(t, s, strings.NewReader(value)); len(about(hits, "one")) != 1 || len(about(hits, "two")) != 1 {
		t.Errorf("want both, got %v", hits)
	}
}

func TestABrokenReaderIsAnError(t *testing.T) {
	value := canary.RandomValue(24)
	s := newScanner(t, map[string]string{"it": value})
	broken := errors.New("the disk went away")
	hits, err := s.Reader("there", io.MultiReader(strings.NewReader(value), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(hits) != 1 {
		t.Errorf("want the error and what was found before it, got %v, %v", hits, err)
	}
	if got := s.Scanned(); got != 24 {
		t.Errorf("want 24 bytes scanned, got %d", got)
	}
}

// TestBzip2 has its file written down: Go reads bzip2 and does not write it.
func TestBzip2(t *testing.T) {
	file, err := hex.DecodeString(bzip2File)
	if err != nil {
		t.Fatal(err)
	}
	s := newScanner(t, map[string]string{"it": bzip2Value})
	if hits := scan(t, s, bytes.NewReader(join(noise, file, noise))); len(hits) != 1 || hits[0].Where != "there!bzip2@8192" {
		t.Errorf("want one, got %v", hits)
	}
}

func about(hits []canary.Hit, name string) []canary.Hit {
	var out []canary.Hit
	for _, h := range hits {
		if h.Canary == name {
			out = append(out, h)
		}
	}
	return out
}

const (
	bzip2Value = "qx7vw3mzk9hp2sjt"
	bzip2File  = "425a68393141592653599f0a7041000003db800010400018b00400005aedd020003140d34323262140340609ea291bf8d4b8e3a8a68cc00f8bb9229c28484f85382080"
)
