package notice

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"

	"golang.org/x/text/language"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string
	page      = template.Must(template.New("page").Parse(pageText))
)

// HTML renders the notice as one page that needs nothing else: no script, no font, no image.
func (n *Notice) HTML() ([]byte, error) {
	f := n.frame
	var b bytes.Buffer
	err := page.Execute(&b, map[string]any{
		"Lang": n.Language, "Dir": direction(n.Language), "Title": f.say("title"), "Intro": f.say("intro"), "Contents": f.say("contents"),
		"Style": template.CSS(pageStyle), "Blocks": n.document(), "Version": f.say("version", "version", n.Version), //nolint:gosec // our own file
	})
	if err != nil {
		return nil, fmt.Errorf("render the notice: %w", err)
	}
	return b.Bytes(), nil
}

// ContentSecurityPolicy allows the page its own style and nothing else.
func ContentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// direction is "rtl" of a language that is written from right to left.
func direction(tag string) string {
	script, _ := language.Make(tag).Script()
	if strings.Contains("Arab Hebr Syrc Thaa Nkoo Adlm Rohg", script.String()) {
		return "rtl"
	}
	return ""
}
