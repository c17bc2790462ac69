package canary_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
)

// BenchmarkReader is what a gate waits for: data without a canary, 200 canaries of 24 bytes.
func BenchmarkReader(b *testing.B) {
	values := map[string]string{}
	for i := range 200 {
		values[fmt.Sprint(i)] = canary.RandomValue(24)
	}
	s := newScanner(b, values)
	noise := random(3, 12<<20)
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		b.Fatal(err)
	}
	sql := bytes.Repeat([]byte("INSERT INTO contacts (id, account_id, first_name, email, score) VALUES (1742, 93, 'Ångström', 'name@example.com', 0.75);\n"), 1<<17)
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"random", noise},
		{"zeros", make([]byte, 16<<20)},
		{"program", binary},
		{"sql", sql},
		{"hex", hex.AppendEncode(nil, noise)},
		{"base64", base64.StdEncoding.AppendEncode(nil, noise)},
		{"gzip", gzipped(sql)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.data)))
			for b.Loop() {
				_ = scan(b, s, bytes.NewReader(c.data))
			}
		})
	}
}
