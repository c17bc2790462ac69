package canary_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"
)

// writing is a way to write a remnant, and what a hit should call it: its form, and the way in. The stranger's bytes before
// and behind it are part of what is encoded: a value rarely stands alone.
type writing struct {
	name, form, way string
	write           func(before, remnant, behind []byte) []byte
}

var writings = []writing{
	{"as it is", "raw", "", around(same)},
	{"in upper case", "raw", "", around(bytes.ToUpper)},
	{"in a mix of cases", "raw", "", around(mixed)},

	{"hexadecimal", "hex", "", whole(func(p []byte) []byte { return []byte(hex.EncodeToString(p)) })},
	{"hexadecimal in upper case", "hex", "", whole(func(p []byte) []byte { return fmt.Appendf(nil, "%X", p) })},
	{"hexadecimal of a mix of cases", "hex", "", around(func(p []byte) []byte { return fmt.Appendf(nil, "%x", mixed(p)) })},
	{"bytea as dumped", "hex", "", whole(func(p []byte) []byte { return fmt.Appendf(nil, `\\x%x`, p) })},
	{"hexadecimal in lines", "hex", "", whole(func(p []byte) []byte { return wrapped(fmt.Appendf(nil, "%x", p), 7, "\n") })},
	{"hexadecimal in lines written \\n", "hex", "", whole(func(p []byte) []byte { return wrapped(fmt.Appendf(nil, "%x", p), 7, `\n`) })},

	{"Base64", "base64", "", whole(encoder(base64.StdEncoding))},
	{"Base64 for URLs", "base64", "", whole(encoder(base64.URLEncoding))},
	{"Base64 without padding", "base64", "", whole(encoder(base64.RawStdEncoding))},
	{"Base64 of a mix of cases", "base64", "", whole(func(p []byte) []byte { return encoder(base64.StdEncoding)(mixed(p)) })},
	{"Base64 in lines", "base64", "", whole(func(p []byte) []byte { return wrapped(encoder(base64.StdEncoding)(p), 5, "\r\n") })},
	{"Base64 in lines written \\n", "base64", "", whole(func(p []byte) []byte { return wrapped(encoder(base64.StdEncoding)(p), 5, `\n`) })},

	{"UTF-16, least byte first", "utf-16", "", around(units(2, binary.LittleEndian))},
	{"UTF-16, greatest byte first", "utf-16", "", around(units(2, binary.BigEndian))},
	{"UTF-32, least byte first", "utf-32", "", around(units(4, binary.LittleEndian))},
	{"UTF-32, greatest byte first", "utf-32", "", around(units(4, binary.BigEndian))},

	{"JSON escapes", "backslash escapes", "", around(each(`\u%04x`))},
	{"JSON escapes inside JSON", "backslash escapes", "", around(each(`\\u%04X`))},
	{"C escapes", "backslash escapes", "", around(each(`\x%02x`))},
	{"bytea's old escapes", "backslash escapes", "", around(each(`\%03o`))},
	{"percent encoding", "percent encoding", "", around(each("%%%02X"))},
	{"percent encoding of the last", "percent encoding", "", around(func(p []byte) []byte { return join(p[:len(p)-1], each("%%%02x")(p[len(p)-1:])) })},
	{"percent encoding of the first", "percent encoding", "", around(func(p []byte) []byte { return join(each("%%%02x")(p[:1]), p[1:]) })},
	{"percent encoding behind percent signs", "percent encoding", "", around(func(p []byte) []byte { return join([]byte("%%4%"), each("%%%02x")(p)) })},
	{"quoted-printable", "quoted-printable", "", around(each("=%02X"))},
	{"quoted-printable over two lines", "quoted-printable", "", around(func(p []byte) []byte { return insert(p, "=\r\n") })},
	{"decimal references", "character references", "", around(each("&#%d;"))},
	{"references behind an ampersand", "character references", "", around(func(p []byte) []byte { return join([]byte("&a&#"), each("&#%d;")(p)) })},
	{"hexadecimal references", "character references", "", around(each("&#x%x;"))},

	{"bytes as Go prints them", "decimal list", "", around(func(p []byte) []byte { return fmt.Append(nil, p) })},
	{"bytes as JSON numbers", "decimal list", "", around(func(p []byte) []byte {
		return []byte(strings.ReplaceAll(fmt.Sprint(p), " ", ",\n    "))
	})},
	{"bytes as Go source", "hex list", "", around(func(p []byte) []byte { return fmt.Appendf(nil, "%#v", p) })},
	{"bytes with colons", "hex list", "", around(func(p []byte) []byte { return []byte(" " + strings.ReplaceAll(fmt.Sprintf("% x", p), " ", ":") + " ") })},
	{"bytes with spaces", "hex list", "", around(func(p []byte) []byte { return fmt.Appendf(nil, " % X ", p) })},

	{"gzip", "raw", "gzip", whole(gzipped)},
	{"gzip with a name", "raw", "gzip", whole(gzippedWithName)},
	{"gzip cut off", "raw", "gzip", func(before, remnant, behind []byte) []byte {
		p := gzipped(join(before, remnant, behind, noise))
		return p[:len(p)-len(noise)/2]
	}},
	{"zlib", "raw", "zlib", whole(zlibbed(zlib.DefaultCompression))},
	{"zlib, fast", "raw", "zlib", whole(zlibbed(zlib.BestSpeed))},
	{"zlib, small", "raw", "zlib", whole(zlibbed(zlib.BestCompression))},
	{"zlib with a small window", "raw", "zlib", whole(func(p []byte) []byte {
		z := zlibbed(zlib.DefaultCompression)(p)
		z[0], z[1] = 0x48, 0x89
		return z
	})},
	{"a member of a ZIP archive", "raw", "zip", whole(zipped)},
	{"zlib in pg_dump's blocks", "raw", "pg_dump", whole(dumped)},

	{"gzip inside gzip", "raw", "gzip gzip", whole(chain(gzipped, gzipped))},
	{"gzip inside zlib inside gzip", "raw", "gzip zlib gzip", whole(chain(gzipped, zlibbed(6), gzipped))},
	{"gzip as hexadecimal inside gzip", "raw", "gzip hex gzip", whole(chain(gzipped, encoderHex, gzipped))},
	{"gzip as Base64", "raw", "base64 gzip", whole(chain(gzipped, encoder(base64.StdEncoding)))},
	{"Base64 inside gzip", "base64", "gzip", whole(chain(encoder(base64.StdEncoding), gzipped))},
	{"Base64 as hexadecimal", "base64", "hex", whole(chain(encoder(base64.StdEncoding), encoderHex))},
	{"hexadecimal as Base64", "hex", "base64", whole(chain(encoderHex, encoder(base64.StdEncoding)))},
	{"UTF-16 as Base64", "utf-16", "base64", whole(chain(units(2, binary.LittleEndian), encoder(base64.StdEncoding)))},
	{"UTF-16 inside gzip", "utf-16", "gzip", whole(chain(units(2, binary.BigEndian), gzipped))},
	{"JSON escapes inside gzip", "backslash escapes", "gzip", func(before, remnant, behind []byte) []byte {
		return gzipped(around(each(`\u%04x`))(before, remnant, behind))
	}},
}

// noise compresses to half its size, so that a compressor does not store it as it is, and the values with it.
var noise = encoderHex(random(9, 4096))

func same(p []byte) []byte { return p }

// around encodes the remnant alone.
func around(encode func([]byte) []byte) func(before, remnant, behind []byte) []byte {
	return func(before, remnant, behind []byte) []byte { return join(before, encode(remnant), behind) }
}

// whole encodes it together with what stands around it.
func whole(encode func([]byte) []byte) func(before, remnant, behind []byte) []byte {
	return func(before, remnant, behind []byte) []byte { return encode(join(before, remnant, behind)) }
}

func chain(steps ...func([]byte) []byte) func([]byte) []byte {
	return func(p []byte) []byte {
		for _, step := range steps {
			p = step(p)
		}
		return p
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func mixed(p []byte) []byte {
	out := bytes.Clone(p)
	for i := 0; i < len(out); i += 2 {
		out[i] = bytes.ToUpper(out[i : i+1])[0]
	}
	return out
}

func encoder(e *base64.Encoding) func([]byte) []byte {
	return func(p []byte) []byte { return e.AppendEncode(nil, p) }
}

func encoderHex(p []byte) []byte { return hex.AppendEncode(nil, p) }

func wrapped(p []byte, width int, lineBreak string) []byte {
	var out []byte
	for i, b := range p {
		if i > 0 && i%width == 0 {
			out = append(out, lineBreak...)
		}
		out = append(out, b)
	}
	return out
}

func insert(p []byte, what string) []byte { return join(p[:3], []byte(what), p[3:]) }

func each(format string) func([]byte) []byte {
	return func(p []byte) []byte {
		var out []byte
		for _, b := range p {
			out = fmt.Appendf(out, format, b)
		}
		return out
	}
}

func units(size int, order binary.AppendByteOrder) func([]byte) []byte {
	return func(p []byte) []byte {
		var out []byte
		for _, b := range p {
			if size == 2 {
				out = order.AppendUint16(out, utf16.Encode([]rune{rune(b)})[0])
			} else {
				out = order.AppendUint32(out, uint32(b))
			}
		}
		return out
	}
}

func gzipped(p []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(p)
	_ = z.Close()
	return out.Bytes()
}

func gzippedWithName(p []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Name, z.Comment, z.Extra = "contacts.sql", "nightly", []byte("extra")
	_, _ = z.Write(p)
	_ = z.Close()
	return out.Bytes()
}

func zlibbed(level int) func([]byte) []byte {
	return func(p []byte) []byte {
		var out bytes.Buffer
		z, _ := zlib.NewWriterLevel(&out, level)
		_, _ = z.Write(p)
		_ = z.Close()
		return out.Bytes()
	}
}

func deflated(p []byte) []byte {
	var out bytes.Buffer
	z, _ := flate.NewWriter(&out, flate.DefaultCompression)
	_, _ = z.Write(p)
	_ = z.Close()
	return out.Bytes()
}

// zipped writes a member's header by hand: signature, version, flags, method, time, date, checksum, sizes, lengths of the
// name and of the extra field.
func zipped(p []byte) []byte {
	out := []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00")
	out = append(out, make([]byte, 16)...)
	out = binary.LittleEndian.AppendUint16(out, 9)
	out = binary.LittleEndian.AppendUint16(out, 4)
	return join(out, []byte("notes.txt"), []byte("\x01\x00\x00\x00"), deflated(p))
}

// dumped is a zlib stream in blocks of 4096 bytes, as pg_dump -Fc writes it, with the remnant behind the first border.
func dumped(p []byte) []byte {
	z := zlibbed(zlib.DefaultCompression)(join(noise, noise[:4000], encoderHex(random(8, 4096)), p, noise))
	var out []byte
	for len(z) > 0 {
		n := min(4096, len(z))
		out = append(out, 0)
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
		out = append(out, z[:n]...)
		z = z[n:]
	}
	return append(out, 0, 0, 0, 0, 0)
}
