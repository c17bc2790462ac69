package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Credential says who asks.
type Credential func(*http.Request)

// Bearer is a token of the development identity, or of an API client.
func Bearer(token string) Credential {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// Session is a session token of Kratos.
func Session(token string) Credential {
	return func(r *http.Request) { r.Header.Set("X-Session-Token", token) }
}

// Cookie is what a browser sends from a page of the gateway's own.
func Cookie(c *http.Cookie) Credential {
	return func(r *http.Request) {
		r.AddCookie(c)
		r.Header.Set("Origin", "http://"+r.Host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
}

// Nobody has no credential.
func Nobody(*http.Request) {}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Raw    string
	Data   map[string]any
	Errors []struct {
		Message    string
		Extensions struct{ Code string }
	}
}

// Codes are the codes of the errors, sorted, each once.
func (a *Answer) Codes() []string {
	var codes []string
	for _, e := range a.Errors {
		codes = append(codes, e.Extensions.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// Dig follows names into the data. A number is the place in a list.
func (a *Answer) Dig(path ...any) any {
	var at any = a.Data
	for _, step := range path {
		switch key := step.(type) {
		case string:
			m, _ := at.(map[string]any)
			at = m[key]
		case int:
			l, _ := at.([]any)
			if key >= len(l) {
				return nil
			}
			at = l[key]
		}
	}
	return at
}

// Request is an operation as JSON has it.
type Request struct {
	Query      string         `json:"query,omitempty"`
	Document   string         `json:"documentId,omitempty"`
	Variables  map[string]any `json:"variables,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

// client makes a connection for every request: one that was cut by a fault before says nothing about the next.
var client = http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Ask sends an operation.
func (g *Gateway) Ask(ctx context.Context, who Credential, query string) (*Answer, error) {
	return g.Send(ctx, who, Request{Query: query})
}

// Send sends a request. Whatever is not an answer in JSON is an error.
func (g *Gateway) Send(ctx context.Context, who Credential, request Request) (*Answer, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/graphql-response+json, application/json")
	who(req)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<24))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, Raw: string(raw)}
	if err := json.Unmarshal(raw, a); err != nil {
		return nil, fmt.Errorf("%s is no answer: %w: %s", resp.Status, err, raw)
	}
	return a, nil
}
