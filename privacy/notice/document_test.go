package notice_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

func written(t *testing.T, s *ir.Schema, tag string) (n *notice.Notice, page, markdown []byte) {
	t.Helper()
	n, err := notice.New(s, tag)
	if err != nil {
		t.Fatal(err)
	}
	if page, err = n.HTML(); err != nil {
		t.Fatal(err)
	}
	return n, page, n.Markdown()
}

func TestNotices(t *testing.T) {
	s := shop(t)
	for _, tag := range notice.Languages(s) {
		_, page, markdown := written(t, s, tag)
		golden(t, "notice."+tag+".html", page)
		golden(t, "notice."+tag+".md", markdown)
	}
	if _, err := notice.New(s, "fr"); !errors.Is(err, notice.ErrLanguage) {
		t.Errorf("in French: %v", err)
	}
}

// A version stands for what is said: it changes with it, and with nothing else.
func TestVersions(t *testing.T) {
	n, _, _ := written(t, shop(t), "en")
	for _, c := range []struct {
		name    string
		replace []string
		same    bool
	}{
		{"nothing", nil, true},
		{"a mask", []string{"mask: NULL", "mask: REDACT"}, true},
		{"a period", []string{"P10Y", "P11Y"}, false},
		{"the authority", []string{"Data Protection Commission, Dublin", "Data Protection Commission, Galway"}, false},
		{"a signal", []string{"optOut: [DNT]", "optOut: [GPC]"}, false},
		{"only the German", []string{"Wir zählen.", "Wir rechnen."}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _, _ := written(t, shop(t, c.replace...), "en"); (got.Version == n.Version) != c.same {
				t.Errorf("version %s, was %s", got.Version, n.Version)
			}
		})
	}
}

// Names come from the schema, and none of them becomes markup.
func TestNamesAreNoMarkup(t *testing.T) {
	_, page, markdown := written(t, shop(t, "Lamp & Son", `<script>alert(1)</script> | [x](y) *z*`), "en")
	if bytes.Contains(page, []byte("<script")) || !bytes.Contains(page, []byte("&lt;script&gt;")) {
		t.Error("the page has a script")
	}
	if want := `\<script\>alert(1)\</script\> \| \[x\](y) \*z\*`; !bytes.Contains(markdown, []byte(want)) {
		t.Errorf("the Markdown does not say %s", want)
	}
}

// The page is for everybody: a language, one first heading, no level left out, tables with captions and headers, links that lead
// somewhere (WCAG 2.2: 3.1.1, 1.3.1, 2.4.1), and nothing from elsewhere.
func TestThePageIsAccessible(t *testing.T) {
	_, page, _ := written(t, shop(t), "de")
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids, links := map[string]bool{}, []string{}
	level, tables, captions, headers := 0, 0, 0, 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attrs := map[string]string{}
		for _, a := range n.Attr {
			attrs[a.Key] = a.Val
		}
		if id := attrs["id"]; id != "" {
			if ids[id] {
				t.Errorf("two things are called %s", id)
			}
			ids[id] = true
		}
		switch n.Data {
		case "html":
			if attrs["lang"] != "de" {
				t.Errorf("the page says it is in %q", attrs["lang"])
			}
		case "h1", "h2", "h3":
			at := int(n.Data[1] - '0')
			if at > level+1 || at == 1 && level > 0 {
				t.Errorf("%s after a heading of level %d", n.Data, level)
			}
			level = at
		case "a":
			links = append(links, strings.TrimPrefix(attrs["href"], "#"))
		case "table":
			tables++
		case "caption":
			captions++
		case "th":
			headers++
			if attrs["scope"] == "" {
				t.Error("a header of nothing")
			}
		case "script", "img", "link", "iframe", "form":
			t.Errorf("the page has a %s", n.Data)
		}
	}
	for _, l := range links {
		if !ids[l] {
			t.Errorf("a link leads to %s, which is not there", l)
		}
	}
	if len(links) < 5 || tables < 3 || captions != tables || headers < 4*captions {
		t.Errorf("%d links, %d tables, %d captions, %d headers", len(links), tables, captions, headers)
	}
}
