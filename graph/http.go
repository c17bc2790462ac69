package graph

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// The media types of responses. They differ in what the status means: with the first it says whether the operation was
// executed, with the second only whether the request was understood.
const (
	graphQLResponse = "application/graphql-response+json"
	plainJSON       = "application/json"
)

// ServeHTTP answers a GraphQL request of the principal in its context, as the GraphQL over HTTP draft has it. Whoever puts
// it behind a door sees to the method, the content type and the size of the body.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, ok := negotiate(r.Header.Values("Accept"))
	if !ok {
		g.write(w, graphQLResponse, http.StatusNotAcceptable, refused(read.CodeBadInput, "this answers in "+graphQLResponse+" or "+plainJSON+": accept one of them"))
		return
	}
	req, err := g.decode(r)
	if err != nil {
		g.write(w, kind, http.StatusBadRequest, refused(read.CodeBadInput, err.Error()))
		return
	}
	req.overHTTP = true
	if req.onceKey, err = onceKey(r.Header.Values("Idempotency-Key")); err != nil {
		g.write(w, kind, http.StatusBadRequest, refused(read.CodeBadInput, err.Error()))
		return
	}
	resp := g.answer(r.Context(), req)
	code := status(kind, resp)
	if req.needsPOST {
		w.Header().Set("Allow", http.MethodPost) // RFC 9110 Section 15.5.6
		code = http.StatusMethodNotAllowed
	}
	g.write(w, kind, code, resp)
}

// decode reads a request from where its method puts it. A body that comes with GET has no meaning (RFC 9110 Section 9.3.1)
// and gets none.
func (g *Gateway) decode(r *http.Request) (*request, error) {
	if r.Method == http.MethodGet {
		return decodeURL(r.URL.RawQuery)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, errBroken
	}
	defer clear(body) // what is read is gone once it is understood
	return decodeRequest(body)
}

var errBroken = errors.New("the request broke off")

func (g *Gateway) write(w http.ResponseWriter, kind string, status int, resp *graphql.Response) {
	before, after, err := around(resp)
	data := []byte(resp.Data)
	if err != nil {
		g.log.Error("response", "err", err)
		status, data, after = http.StatusInternalServerError, nil, nil
		before = []byte(`{"errors":[{"message":"internal error","extensions":{"code":"` + read.CodeInternal + `"}}]}`)
	}
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	if len(resp.Data) == 0 && len(resp.Errors) > 0 {
		if seconds, ok := resp.Errors[0].Extensions["retryAfter"].(int); ok {
			w.Header().Set("Retry-After", strconv.Itoa(seconds)) // RFC 9110 Section 10.2.3
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(before)+len(data)+len(after)))
	w.WriteHeader(status)
	for _, part := range [...][]byte{before, data, after} {
		_, _ = w.Write(part)
		clear(part)
	}
}

// status is 200 for what was executed. Of what was not, application/json says 200 all the same: its clients take any other
// status for an answer that does not come from a GraphQL server.
func status(kind string, r *graphql.Response) int {
	if len(r.Data) > 0 || len(r.Errors) == 0 {
		return http.StatusOK
	}
	switch e := r.Errors[0].Extensions; { // HTTP's own business, whatever the type: proxies act upon it
	case e["code"] == read.CodeRateLimited:
		return http.StatusTooManyRequests
	case e["code"] == read.CodeUnavailable && e["retryAfter"] != nil:
		return http.StatusServiceUnavailable
	}
	if kind == plainJSON {
		return http.StatusOK
	}
	switch r.Errors[0].Extensions["code"] {
	case read.CodeUnauthenticated:
		return http.StatusUnauthorized
	case read.CodeForbidden, read.CodeStepUpRequired, read.CodeUntrusted:
		return http.StatusForbidden
	case read.CodeInternal:
		return http.StatusInternalServerError
	case read.CodeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// negotiate chooses the media type of the answer by Accept (RFC 9110 Section 12.5.1); false if none of ours will do. Who
// does not name application/graphql-response+json gets application/json: not every client knows what its statuses mean.
func negotiate(accept []string) (kind string, ok bool) {
	if len(accept) == 0 {
		return plainJSON, true
	}
	modern, named := accepts(accept, graphQLResponse)
	legacy, _ := accepts(accept, plainJSON)
	switch {
	case modern == 0 && legacy == 0:
		return "", false
	case modern > legacy || modern == legacy && named:
		return graphQLResponse, true
	}
	return plainJSON, true
}

// accepts is the weight of a media type: that of the most specific range it falls into, and whether that is the type itself.
func accepts(accept []string, kind string) (weight float64, named bool) {
	best := 0
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		rng, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		specific := 0
		switch rng {
		case kind:
			specific = 3
		case "application/*":
			specific = 2
		case "*/*":
			specific = 1
		}
		if specific == 0 || specific < best {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || q < 0 || q > 1 {
				continue
			}
		}
		weight, best = q, specific
	}
	return weight, best == 3
}
