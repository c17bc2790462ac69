package shared

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ParseManifest reads the manifests that tools write of a client's operations:
//
//	{"ID": "text", …}                                    GraphQL Code Generator (persistedDocuments), gql.tada, Relay
//	[{"id": "ID", "text": "…", "purpose": "SALES"}, …]   one's own; body and document are other names for text
//	{"format": "apollo-persisted-query-manifest", "operations": [{"id": …, "name": …, "body": …}, …]}
//
// An id may be written as sha256:…; an entry without one gets the SHA-256 of its text. Entries come by id.
func ParseManifest(raw []byte) ([]Entry, error) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	var list []manifestEntry
	switch first := bytes.TrimLeft(raw, " \t\r\n"); {
	case bytes.HasPrefix(first, []byte("[")):
		if err := decode(raw, &list); err != nil {
			return nil, err
		}
	case bytes.HasPrefix(first, []byte("{")):
		var members map[string]json.RawMessage
		if err := decode(raw, &members); err != nil {
			return nil, err
		}
		var err error
		if list, err = entriesOf(members); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("this is no manifest: want a JSON object or list of documents")
	}
	return entries(list)
}

// manifestEntry is an entry under any of the names that tools use.
type manifestEntry struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Text     string `json:"text"`
	Body     string `json:"body"`
	Document string `json:"document"`
	Purpose  string `json:"purpose"`
}

const apolloFormat = "apollo-persisted-query-manifest"

func entriesOf(members map[string]json.RawMessage) (list []manifestEntry, _ error) {
	var format string
	if f, ok := members["format"]; ok && json.Unmarshal(f, &format) == nil && members["operations"] != nil {
		if format != apolloFormat {
			return nil, fmt.Errorf("the manifest has a format that is not known: want %q", apolloFormat)
		}
		if json.Unmarshal(members["operations"], &list) == nil {
			return list, nil
		}
		var byID map[string]json.RawMessage
		if err := json.Unmarshal(members["operations"], &byID); err != nil {
			return nil, errors.New("operations of the manifest are no documents")
		}
		members = byID
	}
	for id, raw := range members {
		e := manifestEntry{ID: id}
		if json.Unmarshal(raw, &e.Text) != nil {
			if err := json.Unmarshal(raw, &e); err != nil {
				return nil, fmt.Errorf("%s: want the text of a document", clipped(id))
			}
		}
		e.ID = id
		list = append(list, e)
	}
	return list, nil
}

func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	err := d.Decode(into)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			return errors.New("the manifest goes on behind its end")
		}
		return nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the manifest breaks off")
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(raw[:min(int(syntax.Offset), len(raw))], []byte("\n"))
		return fmt.Errorf("line %d: this is no JSON: %w", line, err)
	}
	return fmt.Errorf("this is no manifest of documents: %w", err)
}

// entries are what the registry takes. All that is wrong is reported.
func entries(list []manifestEntry) ([]Entry, error) {
	var out []Entry
	var errs []error
	seen := map[string]string{}
	for i, m := range list {
		where := m.ID
		if where == "" {
			where = fmt.Sprintf("entry %d", i+1)
		}
		e := Entry{ID: strings.TrimPrefix(m.ID, "sha256:"), Purpose: m.Purpose, Name: m.Name}
		for _, text := range []string{m.Text, m.Body, m.Document} {
			if text != "" {
				e.Text = text
				break
			}
		}
		if e.ID == "" {
			e.ID = Digest(e.Text)
		}
		if isDigest(e.ID) {
			e.ID = strings.ToLower(e.ID)
		}
		switch {
		case e.Text == "":
			errs = append(errs, fmt.Errorf("%s: there is no text: want text, body or document", clipped(where)))
		case !isID(e.ID):
			errs = append(errs, fmt.Errorf("%s: an id has 1 to 128 letters, digits and signs of _ - . : ~ / + =", clipped(where)))
		case isDigest(e.ID) && e.ID != Digest(e.Text):
			errs = append(errs, fmt.Errorf("%s: the id looks like a SHA-256, and is not that of the text", clipped(where)))
		case seen[e.ID] != "" && seen[e.ID] != e.Text:
			errs = append(errs, fmt.Errorf("%s: the id stands for two texts", clipped(where)))
		case seen[e.ID] == "":
			seen[e.ID] = e.Text
			out = append(out, e)
		}
	}
	if len(list) == 0 {
		errs = append(errs, errors.New("the manifest has no documents"))
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.ID, b.ID) })
	return out, errors.Join(errs...)
}

// isID is what the API takes for an id.
func isID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_-.:~/+=", rune(c)) {
			return false
		}
	}
	return true
}

// clipped keeps a message readable.
func clipped(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
