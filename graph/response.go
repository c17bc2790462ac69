package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Encode renders a response. Data that the read path wrote is passed on as it is, not read and written once more. An
// operation that was not executed has no data, not even null (GraphQL §7.1).
func Encode(r *graphql.Response) ([]byte, error) {
	before, after, err := around(r)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(before)+len(r.Data)+len(after))
	return append(append(append(out, before...), r.Data...), after...), nil
}

// around renders what stands before and after the data, which is large and need not be copied.
func around(r *graphql.Response) (before, after []byte, err error) {
	before = append(make([]byte, 0, 32), '{')
	if len(r.Errors) > 0 {
		before = append(before, `"errors":`...)
		if before, err = appendJSON(before, r.Errors); err != nil {
			return nil, nil, err
		}
	}
	if len(r.Data) > 0 {
		if len(before) > 1 {
			before = append(before, ',')
		}
		before = append(before, `"data":`...)
	}
	if len(r.Extensions) > 0 {
		after = make([]byte, 0, 4096)
		if len(before) > 1 {
			after = append(after, ',')
		}
		after = append(after, `"extensions":`...)
		if after, err = appendExtensions(after, r.Extensions); err != nil {
			return nil, nil, err
		}
	}
	return before, append(after, '}'), nil
}

// appendExtensions knows the extensions that answers have.
func appendExtensions(b []byte, extensions map[string]any) ([]byte, error) {
	notes, ok := extensions[privacyExtension].([]read.Note)
	cost, priced := extensions[costExtension].(int64)
	known := 1
	if priced {
		known++
	}
	if !ok || len(extensions) > known {
		return appendJSON(b, extensions)
	}
	b = append(b, '{')
	if priced {
		b = append(strconv.AppendInt(append(b, `"`+costExtension+`":`...), cost, 10), ',')
	}
	b = append(b, `"`+privacyExtension+`":[`...)
	for i := range notes {
		if i > 0 {
			b = append(b, ',')
		}
		b = notes[i].AppendJSON(b)
	}
	return append(b, `]}`...), nil
}

func appendJSON(b []byte, v any) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	e := json.NewEncoder(buf)
	e.SetEscapeHTML(false) // this is no HTML, and nosniff says so
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the response: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
