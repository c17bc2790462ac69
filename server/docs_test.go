package server

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestErrorsAreDocumented holds docs/errors.md to the codes and statuses that are sent.
func TestErrorsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]int{}
	for code := 100; code < 600; code++ {
		status["Status"+strings.NewReplacer(" ", "", "-", "").Replace(http.StatusText(code))] = code
	}
	constant := regexp.MustCompile(`\bCode\w+ += "([A-Z_]+)"`)
	sent := regexp.MustCompile(`http\.(Status[A-Z]\w+)`)
	codes, statuses := 0, 0
	for _, pattern := range []string{"*.go", "identity/*.go", "../graph/*.go", "../graph/read/*.go", "../graph/write/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
				codes++
				if !strings.Contains(string(doc), "| `"+m[1]+"` |") {
					t.Errorf("%s: code %s has no line", file, m[1])
				}
			}
			for _, m := range sent.FindAllStringSubmatch(string(text), -1) {
				statuses++
				if n := status[m[1]]; n != http.StatusOK && !strings.Contains(string(doc), fmt.Sprintf("\n| %d |", n)) {
					t.Errorf("%s: status %s (%d) has no line", file, m[1], n)
				}
			}
		}
	}
	if codes < 10 || statuses < 10 {
		t.Errorf("only %d codes and %d statuses were found: does the test look in the right places?", codes, statuses)
	}
}
