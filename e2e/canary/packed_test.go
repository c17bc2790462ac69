package canary_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
)

// TestHopeIsGivenUpRightly compares the guess with what the decompressor makes of the same bytes: none that gives six
// bytes may be given up, and nearly all others should be.
func TestHopeIsGivenUpRightly(t *testing.T) {
	r := rand.New(rand.NewChaCha8([32]byte{5}))
	p := make([]byte, 64)
	vain, kept := 0, 0
	for range 200_000 {
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		switch r.IntN(3) {
		case 0: // a fixed block of few symbols
			p[0] = p[0]&^7 | 3
		case 1: // a dynamic one
			p[0] = p[0]&^7 | 5
		}
		out, _ := io.ReadAll(flate.NewReader(bytes.NewReader(p)))
		if canary.Hopeless(p) && len(out) >= 6 {
			t.Fatalf("%x gives %d bytes and was given up", p, len(out))
		}
		if len(out) < 6 {
			vain++
			if !canary.Hopeless(p) {
				kept++
			}
		}
	}
	if kept > vain/10 {
		t.Errorf("of %d streams that give nothing, %d were tried", vain, kept)
	}
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		for n := 6; n < 3000; n += 1 + n/3 {
			for name, text := range map[string][]byte{"random": random(1, n), "text": []byte(strings.Repeat("a coat, a hat; ", n)[:n])} {
				var z bytes.Buffer
				w, err := flate.NewWriter(&z, level)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = w.Write(text)
				_ = w.Close()
				if canary.Hopeless(z.Bytes()) {
					t.Errorf("level %d, %d bytes of %s: given up", level, n, name)
				}
			}
		}
	}
}

// TestWhatIsNotLookedAtIsAnError: a scan that stops early must say so.
func TestWhatIsNotLookedAtIsAnError(t *testing.T) {
	// Beginnings of gzip, each followed by a stored block that takes in all the others.
	var overlapping []byte
	for range canary.MaxOpen + 1 {
		overlapping = append(overlapping, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00"...)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"too much inside":  {gzipped(make([]byte, 200_000)), "there!gzip@24: more than 100000 bytes were unpacked"},
		"too many at once": {overlapping, "more than 1000 compressed streams overlap"},
	} {
		value := canary.RandomValue(24)
		s := newScanner(t, map[string]string{"it": value})
		canary.SetLimit(s, 100_000)
		hits, err := s.Reader("there", io.MultiReader(strings.NewReader(value), bytes.NewReader(c.data)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
		if len(hits) == 0 {
			t.Errorf("%s: what was found before is lost", name)
		}
	}
}

// TestLongEncodedText has the remnant behind the blocks in which long runs are decoded.
func TestLongEncodedText(t *testing.T) {
	value := canary.RandomValue(24)
	s := newScanner(t, map[string]string{"it": value})
	for shift := range 4 {
		text := join(random(4, 20_000+shift), gzipped(join(noise, []byte(value))), random(5, 100))
		for name, encode := range map[string]func([]byte) []byte{"hex": encoderHex, "base64": encoder(base64.RawStdEncoding)} {
			// A digit before it moves the beginnings of bytes.
			hits := scan(t, s, bytes.NewReader(join([]byte("a"), encode(text))))
			if len(hits) != 1 || !strings.HasPrefix(hits[0].Where, "there!"+name) || hits[0].Length != 24 {
				t.Errorf("%s, shifted by %d: want one of 24 bytes, got %v", name, shift, hits)
			}
		}
	}
}

// TestManyAccidents: bytes that look like beginnings all over must not slow a scan down to nothing, nor hide a stream.
func TestManyAccidents(t *testing.T) {
	value := canary.RandomValue(24)
	s := newScanner(t, map[string]string{"it": value})
	var data []byte
	r := rand.New(rand.NewChaCha8([32]byte{6}))
	for range 200_000 {
		data = append(data, 0x48, 0x89)
		data = binary.LittleEndian.AppendUint16(data, uint16(r.Uint32()))
	}
	data = append(data, gzipped([]byte(value))...)
	hits := scan(t, s, bytes.NewReader(data))
	if !slices.ContainsFunc(hits, func(h canary.Hit) bool { return h.Where == "there!gzip@800000" }) {
		t.Errorf("want one behind them, got %v", hits) // an accident may hold another
	}
}
