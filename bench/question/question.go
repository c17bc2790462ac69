// Package question holds what the benchmark asks, in the words of each variant.
//
// The answers have the same rows and the same fields, and differ in what privacy makes of them: where C shows a mask, A and
// the floor show the value. C's region comes from the viewer's attribute and the row rule; the others filter by it, as an
// application would.
package question

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/bench/data"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Variant is a way to answer.
type Variant string

// The variants, in the order in which they take turns.
const (
	A     Variant = "A"
	B     Variant = "B"
	C     Variant = "C"
	Floor Variant = "floor"
)

// Variants lists them.
var Variants = []Variant{A, B, C, Floor}

// Title says what a variant is.
func (v Variant) Title() string {
	return map[Variant]string{A: "gqlgen + Ent, no privacy", B: "gqlgen + Ent, field directives", C: "Cloakroom", Floor: "pgx + JSON, no GraphQL"}[v]
}

// Question is asked of every variant.
type Question struct {
	Name, Title   string
	Role, Purpose string
	// Contains is a text the answer must have this often: who answers less has less to do.
	Contains string
	Times    int
	bare     string // of A and B
	cloak    string // of C
	path     string // of the floor
	ids      bool   // asked of a different person each time
}

// Region is the viewer's.
const Region = "EMEA"

const bareRow = `id firstName lastName birthday email phone city country region jobTitle preferredLanguage lifecycleStage subscribedAt lastActivityAt createdAt account { name industry }`

// All lists the questions.
var All = []Question{
	{Name: "Q1", Title: "one contact by id, with its account", Role: "MARKETER", Purpose: "MARKETING", Contains: `"firstName":"`, Times: 1, ids: true,
		bare:  `query($id: ID!) { contact(id: $id) { id firstName lastName email phone city country jobTitle lastActivityAt createdAt account { name industry } } }`,
		cloak: `query($id: ID!) @for(purpose: MARKETING) { contact(id: $id) { id firstName lastName email phone city country jobTitle lastActivityAt createdAt account { name industry } } }`,
		path:  "/q1?id="},
	{Name: "Q2", Title: "page of 100 contacts × 15 fields, with account", Role: "MARKETER", Purpose: "MARKETING", Contains: `"firstName":"`, Times: 100,
		bare:  `query($after: ID) { contacts(first: 100, after: $after) { nodes { ` + bareRow + ` } } }`,
		cloak: `query($after: String) @for(purpose: MARKETING) { contacts(first: 100, after: $after) { nodes { ` + bareRow + ` } } }`,
		path:  "/q2"},
	{Name: "Q3", Title: "20 accounts × 10 contacts × 3 activities", Role: "SALES_REP", Purpose: "SALES", Contains: `"title":"`, Times: 600,
		bare:  `{ accounts(first: 20, where: {region: "EMEA"}) { nodes { id name industry contacts(first: 10) { nodes { id firstName lastName email activities(first: 3) { nodes { id type occurredAt title } } } } } } }`,
		cloak: `query @for(purpose: SALES) { accounts(first: 20) { nodes { id name industry contacts(first: 10) { nodes { id firstName lastName email activities(first: 3) { nodes { id type occurredAt title } } } } } } }`,
		path:  "/q3"},
	{Name: "Q4", Title: "filtered page of 50 contacts, with totalCount", Role: "SALES_REP", Purpose: "SALES", Contains: `"firstName":"`, Times: 50,
		bare:  `{ contacts(first: 50, where: {country: "DE", region: "EMEA"}) { totalCount nodes { id firstName lastName email phone city jobTitle lifecycleStage lastActivityAt account { name industry } } } }`,
		cloak: `query @for(purpose: SALES) { contacts(first: 50, where: {country: {eq: "DE"}}) { totalCount nodes { id firstName lastName email phone city jobTitle lifecycleStage lastActivityAt account { name industry } } } }`,
		path:  "/q4"},
	{Name: "Q5", Title: "contacts per country with average score", Role: "MARKETER", Purpose: "PROFILING", Contains: `"DE"`, Times: 1,
		bare:  `{ contactsByCountry { country count average } }`,
		cloak: `query @for(purpose: PROFILING) { contactsAggregate { groupBy { country } count avg { leadScore } } }`,
		path:  "/q5"},
}

// Request is one HTTP request, ready to be sent.
type Request []byte

// Requests are those of a variant: many for a question about one person, so that it is not always the same one.
func (q Question) Requests(v Variant, host, token string, people int) []Request {
	var out []Request
	for _, at := range q.whom(people) {
		out = append(out, q.request(v, host, token, at, ""))
	}
	return out
}

// whom are the people asked about.
func (q Question) whom(people int) []int {
	n := 1
	if q.ids {
		n = 1000
	}
	out := make([]int, 0, n)
	for i := 0; len(out) < n; i += max(people/(2*n), 1) {
		if at := i % people; data.State(at)&(data.Restricted|data.ObjectsToSales) == 0 { // else C would rightly not find them
			out = append(out, at)
		}
	}
	return out
}

// Page asks Q2 for the page after a cursor.
func (q Question) Page(v Variant, host, token, after string) Request {
	return q.request(v, host, token, 0, after)
}

func (q Question) request(v Variant, host, token string, person int, after string) Request {
	id := data.ContactID(person)
	if v == Floor {
		path := q.path
		if q.ids {
			path += id.String()
		}
		if after != "" {
			path += "?after=" + url.QueryEscape(after)
		}
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
	}
	if v != C {
		variables := map[string]any{}
		if q.ids {
			variables["id"] = id.String()
		}
		return Post(host, token, q.Role, q.bare, variables)
	}
	return post(host, token, q.Role, q.body(id, after))
}

// Bodies are what the requests of C have in them.
func (q Question) Bodies(people int) [][]byte {
	var out [][]byte
	for _, at := range q.whom(people) {
		out = append(out, q.body(data.ContactID(at), ""))
	}
	return out
}

// body asks C about a person, or for the page after a cursor.
func (q Question) body(id uuid.UUID, after string) []byte {
	variables := map[string]any{}
	if q.ids {
		variables["id"] = read.EncodeID("Contact", id)
	}
	if after != "" {
		variables["after"] = after
	}
	return body(q.cloak, variables)
}

// Post makes the request of an operation.
func Post(host, token, role, query string, variables map[string]any) Request {
	return post(host, token, role, body(query, variables))
}

func body(query string, variables map[string]any) []byte {
	body := map[string]any{"query": query}
	if len(variables) > 0 {
		body["variables"] = variables
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and maps of strings always marshal
	}
	return b
}

func post(host, token, role string, b []byte) Request {
	var h strings.Builder
	fmt.Fprintf(&h, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n", host, len(b))
	if token != "" {
		fmt.Fprintf(&h, "Authorization: Bearer %s\r\n", token)
	} else {
		fmt.Fprintf(&h, "X-Role: %s\r\n", role)
	}
	return append([]byte(h.String()+"\r\n"), b...)
}
