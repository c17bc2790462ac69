package door

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"unicode/utf16"
)

// inventor makes up requests: valid ones in which something is changed, and documents from a grammar whose words are those of
// the schema and others.
type inventor struct {
	*rand.Rand
	token string
}

func newInventor(seed uint64, token string) *inventor {
	return &inventor{rand.New(rand.NewPCG(seed, 7)), token}
}

// valid are documents from which others are made.
var valid = []string{
	`query @for(purpose: SALES) { me { role consents { purpose } } }`,
	`query Q($n: Int = 3, $w: ContactWhere) @for(purpose: SALES) { contacts(first: $n, where: $w, orderBy: [{lastName: ASC}]) { totalCount nodes { id fullName email account { name } } pageInfo { hasNextPage endCursor } } }`,
	`query @for(purpose: SALES) { search(query: "qzCanaryzq", types: [ACCOUNT], first: 2) { nodes { ... on Account { name } } } }`,
	`query($id: ID!) @for(purpose: SALES) { contact(id: $id) { ...F } node(id: $id) { id __typename } } fragment F on Contact { id deals(last: 2) { edges { cursor node { id } } } }`,
	`query($ids: [ID!]!) @for(purpose: SALES) { nodes(ids: $ids) { id ... on Contact @include(if: true) { email @skip(if: false) } } }`,
	`query @for(purpose: SALES) { contactsAggregate(where: {country: {eq: "qzCanaryzq"}}) { groupBy: group { country } count } }`,
	`mutation($id: ID!, $in: UpdateContactInput!) @for(purpose: SALES) { updateContact(id: $id, input: $in) { contact { id } } }`,
	`mutation @for(purpose: SALES) { deleteContact(id: "qzCanaryzq") { id } }`,
	`{ __schema { types { name fields { name args { name type { ofType { name } } } } } } }`,
	`{ __type(name: "qzCanaryzq") { name } }`,
	`subscription { qzCanaryzq { id } }`,
	`query A { me { role } } query B { contacts(after: "qzCanaryzq") { totalCount } }`,
	`query @for(purpose: SALES) { contacts(where: {and: [{email: {eq: """qzCanaryzq"""}}, {or: [{lastName: {in: ["a", null]}}]}]}) { nodes { id } } }`,
}

// words are those of the schema, of the language, and canaries. Aliases are in none of them: what one calls a field comes back.
var words = []string{"contacts", "contact", "accounts", "nodes", "edges", "node", "id", "email", "fullName", "account", "where", "first", "last", "after", "before",
	"orderBy", "me", "role", "search", "query", "mutation", "subscription", "fragment", "on", "Contact", "Account", "ContactWhere", "Int", "ID", "String", "true", "false", "null",
	"SALES", "MARKETING", "ASC", "for", "skip", "include", "if", "purpose", "totalCount", "pageInfo", "__typename", "__schema", "__type", "eq", "in", "and", "or", "not",
	"createContact", "updateContact", "input", "consents", "deals", canary, canary, canary, "__" + canary}

var signs = []string{"{", "}", "(", ")", "[", "]", ":", "!", "=", "@", "$", "...", "|", "&", ",", "#\n", "\n", "\ufeff", "\x00", "\x07", "é", "💥", "\\", `"`, `"""`, `\u`, "\u2028"}

var numbers = []string{"0", "-1", "1", "25", "1001", "99999999999999999999", "1e999", "-0", "00", "1.", ".5", "0x10", "1e", "2147483648", "-9223372036854775809", "1.5"}

func (in *inventor) word() string { return pick(in.Rand, words) }

func (in *inventor) text() string {
	return pick(in.Rand, []string{canary, oddCanary, canary + "@example.com", strings.Repeat(canary, 50), "\u0000" + canary, "%" + canary, "' OR 1=1 --" + canary, "Q29udGFjdDox" + canary, canary + "\ud7ff", "${" + canary + "}"})
}

// request makes up one.
func (in *inventor) request() sent {
	s := sent{method: "POST", path: "/graphql", headers: [][2]string{{"Authorization", "Bearer " + in.token}, {"X-" + canary, canary}}}
	kind := "application/json"
	switch in.IntN(18) {
	case 0: // bytes of a valid body are changed
		s.body = in.bent(in.body(in.valid(), in.variables()))
	case 1, 2, 3, 4: // a document is made up
		s.body = in.body(in.document(), in.variables())
	case 5, 6: // values are made up
		s.body = in.body(in.valid(), pick(in.Rand, []any{in.value(0), map[string]any{"n": in.value(0), "w": in.value(0), "id": in.value(0), "ids": in.value(0), "in": in.value(0)}}))
	case 7: // the body is JSON of another kind
		s.body = in.members()
	case 8: // a URL asks
		s.method, s.query = "GET", in.url()
	case 9: // headers are not as they should be
		s.body = in.body(in.valid(), in.variables())
		kind = in.contentType()
		s.headers = append(s.headers, in.header())
		if in.IntN(3) == 0 {
			s.headers[0][1] = pick(in.Rand, []string{"Bearer " + canary, "Basic " + canary, canary, "", "Bearer", "Bearer a.b.c" + canary, "Bearer " + in.token + canary})
		}
	case 10: // methods and places
		s.method = pick(in.Rand, []string{"PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", strings.ToUpper(canary), "get", "GET", "POST", "OPTIONS"})
		s.path = pick(in.Rand, []string{"/graphql", "/graphql/", "/" + canary, "/graphql/" + canary, "//graphql", "/../" + canary, "/graphql%00" + canary, "/GRAPHQL"})
		s.body = in.body(in.valid(), in.variables())
	case 11: // large
		s.body = in.large()
	default: // a document is changed
		s.body = in.body(in.mutated(), in.variables())
	}
	if kind != "" {
		s.headers = append(s.headers, [2]string{"Content-Type", kind})
	}
	if in.IntN(2) == 0 {
		s.headers = append(s.headers, [2]string{"Accept", pick(in.Rand, []string{"application/graphql-response+json", "application/json", "*/*", "text/html, */*;q=0.1", canary, "application/json;q=" + canary})})
	}
	return s
}

func (in *inventor) valid() string { return pick(in.Rand, valid) }

// body is a request with canaries beside what counts.
func (in *inventor) body(query string, variables any) []byte {
	m := map[string]any{"query": query, "variables": variables, canary: canary}
	if in.IntN(8) == 0 {
		m["operationName"] = pick(in.Rand, []any{"Q", "A", canary, "", nil, 7})
	}
	if in.IntN(16) == 0 {
		m["extensions"] = pick(in.Rand, []any{map[string]any{canary: canary}, map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": strings.Repeat("a0", 32)}},
			map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": canary}}, map[string]any{"persistedQuery": canary}, []any{canary}, canary})
	}
	if in.IntN(24) == 0 {
		m["documentId"] = pick(in.Rand, []any{canary, "sha256:" + canary, "sha256:" + strings.Repeat("a0", 32), oddCanary, 7, ""})
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// variables fit the documents now and then.
func (in *inventor) variables() any {
	m := map[string]any{}
	for _, name := range []string{"n", "w", "id", "ids", "in", canary} {
		switch in.IntN(5) {
		case 0:
		case 1:
			m[name] = in.value(0)
		default:
			m[name] = map[string]any{"n": 3, "w": map[string]any{"email": map[string]any{"eq": canary + "@example.com"}}, "id": canary, "ids": []any{canary, canary}, "in": map[string]any{"firstName": canary}, canary: canary}[name]
		}
	}
	return m
}

func (in *inventor) value(depth int) any {
	switch n := in.IntN(9); {
	case n < 2 && depth < 5:
		m := map[string]any{}
		for range in.IntN(4) {
			m[pick(in.Rand, []string{"n", "w", "id", "ids", "in", "eq", "in", "and", "or", "not", "email", "lastName", canary, oddCanary})] = in.value(depth + 1)
		}
		return m
	case n == 2 && depth < 5:
		l := []any{}
		for range in.IntN(4) {
			l = append(l, in.value(depth+1))
		}
		return l
	case n == 3:
		return json.Number(pick(in.Rand, []string{"0", "-1", "1e400", "99999999999999999999", "1.5", "25", "-0"}))
	case n == 4:
		return pick(in.Rand, []any{nil, true, false})
	}
	return in.text()
}

// mutated is a valid document with a few of its words and signs changed.
func (in *inventor) mutated() string {
	tokens := split(in.valid())
	for range 1 + in.IntN(3) {
		at := in.IntN(len(tokens))
		switch in.IntN(12) {
		case 0:
			tokens = append(tokens[:at:at], tokens[at+1:]...)
		case 1:
			tokens = append(tokens[:at+1:at+1], tokens[at:]...)
		case 2:
			other := in.IntN(len(tokens))
			tokens[at], tokens[other] = tokens[other], tokens[at]
		case 3:
			tokens[at] = pick(in.Rand, signs)
		case 4:
			tokens[at] = in.literal()
		case 5:
			tokens = tokens[:at+1]
		default: // a word for a word
			for range 20 {
				if strings.ContainsAny(tokens[at][:1], "{}()[]:!=@$.,|&") {
					at = in.IntN(len(tokens))
				}
			}
			tokens[at] = in.word()
		}
		if len(tokens) == 0 {
			return canary
		}
	}
	return joined(tokens) + pick(in.Rand, []string{"", " # " + canary, "\n" + canary})
}

func (in *inventor) literal() string {
	text, _ := json.Marshal(in.text())
	return pick(in.Rand, []string{string(text), `"""` + in.text() + `"""`, `"` + canary, pick(in.Rand, numbers), "$" + canary, "[" + canary + "]", "{" + canary + ": 1}", canary, "null"})
}

// joined puts a blank between tokens, and none of those that are a field's other name: those come back.
func joined(tokens []string) string { return noAliases(strings.Join(tokens, " ")) }

// noAliases makes of each canary before a colon a word of the schema. (An argument's name is one as well.)
func noAliases(text string) string {
	for _, c := range []string{"__" + canary, canary} {
		for _, colon := range []string{" :", ":", " ,:", " #\n :"} {
			text = strings.ReplaceAll(text, c+colon, "first"+colon)
		}
	}
	return text
}

func split(document string) []string {
	var out []string
	word := ""
	for _, r := range document {
		if r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '"' {
			word += string(r)
			continue
		}
		if word != "" {
			out = append(out, word)
			word = ""
		}
		if r != ' ' {
			out = append(out, string(r))
		}
	}
	if word != "" {
		out = append(out, word)
	}
	return out
}

// document is one from a grammar.
func (in *inventor) document() string {
	var b strings.Builder
	for range 1 + in.IntN(3) {
		switch in.IntN(5) {
		case 0:
			fmt.Fprintf(&b, "fragment %s on %s %s ", in.word(), in.word(), in.selection(0))
		case 1:
			b.WriteString(in.selection(0) + " ")
		default:
			fmt.Fprintf(&b, "%s %s%s %s %s ", pick(in.Rand, []string{"query", "query", "query", "mutation", "subscription", canary}), in.word(), in.declarations(), in.directives(), in.selection(0))
		}
	}
	return noAliases(b.String())
}

func (in *inventor) declarations() string {
	if in.IntN(2) == 0 {
		return ""
	}
	out := "("
	for range in.IntN(4) {
		out += "$" + in.word() + ": " + pick(in.Rand, []string{"", "["}) + in.word() + pick(in.Rand, []string{"", "!", "]", "!]!"})
		if in.IntN(3) == 0 {
			out += " = " + in.argument(0)
		}
		out += " "
	}
	return out + ")"
}

func (in *inventor) directives() string {
	switch in.IntN(4) {
	case 0:
		return "@for(purpose: " + pick(in.Rand, []string{"SALES", "MARKETING", canary, "$" + canary}) + ")"
	case 1:
		return "@" + in.word() + "(" + in.word() + ": " + in.argument(0) + ")"
	}
	return ""
}

func (in *inventor) selection(depth int) string {
	out := "{ "
	for range in.IntN(4) {
		switch in.IntN(7) {
		case 0:
			out += "..." + in.word() + " "
		case 1:
			out += "... on " + in.word() + " " + in.directives() + " " + in.selection(depth+1) + " "
		default:
			out += in.word()
			if in.IntN(3) == 0 {
				out += "(" + in.word() + ": " + in.argument(0) + ")"
			}
			out += " " + in.directives() + " "
			if depth < 6 && in.IntN(2) == 0 {
				out += in.selection(depth+1) + " "
			}
		}
	}
	return out + "}"
}

func (in *inventor) argument(depth int) string {
	switch n := in.IntN(8); {
	case n == 0 && depth < 4:
		return "{" + in.word() + ": " + in.argument(depth+1) + ", " + in.word() + ": " + in.argument(depth+1) + "}"
	case n == 1 && depth < 4:
		return "[" + in.argument(depth+1) + " " + in.argument(depth+1) + "]"
	case n == 2:
		return "$" + in.word()
	case n == 3:
		return pick(in.Rand, numbers)
	case n == 4:
		return in.word()
	}
	return in.literal()
}

// bent changes bytes.
func (in *inventor) bent(b []byte) []byte {
	for range 1 + in.IntN(3) {
		if len(b) == 0 {
			return b
		}
		at := in.IntN(len(b))
		switch in.IntN(8) {
		case 0:
			b = b[:at]
		case 1:
			b[at] = byte(in.IntN(256))
		case 2:
			b = append(b[:at:at], b[min(at+1+in.IntN(10), len(b)):]...)
		case 3:
			b = append(append(append([]byte{}, b[:at]...), canary...), b[at:]...)
		case 4:
			b = append(b, pick(in.Rand, []string{"{}", canary, "\x00", `{"query": "{ ` + canary + ` }"}`, "}", ","})...)
		case 5:
			b = append([]byte(pick(in.Rand, []string{"\ufeff", canary, "[", "\x00", ")]}'\n"})), b...)
		case 6:
			wide := utf16.Encode([]rune(string(b)))
			b = make([]byte, 0, 2*len(wide))
			for _, w := range wide {
				b = binary.LittleEndian.AppendUint16(b, w)
			}
		case 7:
			b = append(b[:at:at], append([]byte{0xff, 0xc0, 0x80}, b[at:]...)...)
		}
	}
	// A word that a changed byte made a field's other name comes back like any other.
	return []byte(noAliases(string(b)))
}

// members are JSON that is no request, or one twice.
func (in *inventor) members() []byte {
	text, _ := json.Marshal(in.text())
	query, _ := json.Marshal(in.valid())
	value := string(text)
	return []byte(pick(in.Rand, []string{
		"[" + value + "]", value, "null", "7", "[]", "{}", "",
		`[{"query": ` + string(query) + `}, {"query": ` + value + `}]`,
		`{"query": ` + value + `, "query": ` + string(query) + `}`,
		`{"query": ` + string(query) + `, "variables": {"` + canary + `": 1, "` + canary + `": 2}}`,
		`{"query": [` + value + `]}`, `{"query": {"` + canary + `": 1}}`,
		`{"query": ` + string(query) + `, "variables": ` + value + `}`, `{"query": ` + string(query) + `, "variables": [` + value + `]}`,
		`{"query": ` + string(query) + `, "extensions": ` + value + `}`, `{"Query": ` + string(query) + `, "` + canary + `": 1}`,
		`{"query": ` + string(query) + `, "operationName": {"` + canary + `": 1}}`,
		`{"query": ` + string(query) + `} ` + value, `{"variables": {"` + canary + `": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`,
	}))
}

// url is the query of a URL.
func (in *inventor) url() string {
	query := pick(in.Rand, []string{in.valid(), in.mutated(), in.document()})
	variables, _ := json.Marshal(in.variables())
	v := url.Values{"query": {query}, canary: {canary}}
	switch in.IntN(8) {
	case 0:
		v.Set("variables", string(variables))
	case 1:
		v.Set("variables", pick(in.Rand, []string{canary, "[]", `"` + canary + `"`, `{"a":1,"a":2}`, "", "null"}))
	case 2:
		v["query"] = []string{query, canary}
	case 3:
		v.Set("extensions", pick(in.Rand, []string{canary, `{"persistedQuery":{"version":1,"sha256Hash":"` + canary + `"}}`, "7"}))
	case 4:
		v.Set("documentId", pick(in.Rand, []string{canary, oddCanary, "sha256:" + strings.Repeat("a0", 32), ""}))
	case 5:
		v.Set("operationName", canary)
	case 6:
		return v.Encode() + pick(in.Rand, []string{"%zz", ";" + canary, "&%ff=" + canary, "&query=" + canary, "%00", "&" + canary, "=&="})
	}
	return v.Encode()
}

func (in *inventor) contentType() string {
	return pick(in.Rand, []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=" + canary, "application/graphql", "application/json; charset=utf-16", "application/json; charset=" + canary,
		canary + "/" + canary, "application/json;" + canary, "application/json, text/plain", ";;", "application/json; charset=utf-8; charset=utf-8", "APPLICATION/JSON"})
}

func (in *inventor) header() [2]string {
	return pick(in.Rand, [][2]string{{"Origin", "https://" + canary + ".test"}, {"Origin", "null"}, {"Sec-Fetch-Site", canary}, {"Sec-Fetch-Site", "cross-site"}, {"Content-Encoding", canary}, {"Content-Type", "text/" + canary},
		{"Accept", canary + "/*"}, {"Accept-Encoding", "gzip, " + canary}, {"Cookie", "ory_kratos_session=" + canary}, {"X-Session-Token", canary}, {"X-Forwarded-For", canary}, {"X-Forwarded-Host", canary + ".test"}, {"X-HTTP-Method-Override", "DELETE"},
		{"Transfer-Encoding", canary}, {"Idempotency-Key", canary}, {"X-Role", "ADMIN" + canary}, {"Range", "bytes=0-" + canary}, {"If-None-Match", canary}})
}

// large are shapes whose cost grows faster than they do.
func (in *inventor) large() []byte {
	n := 1 + in.IntN(2000)
	many := func(text string) string { return strings.Repeat(text+" ", n) }
	query := pick(in.Rand, []string{
		"{ contacts { nodes { " + many("id") + "} } }",
		"{ me { role " + many("@skip(if: false)") + "} } # " + canary,
		"{ " + strings.Repeat(canary+" { ", n) + canary + strings.Repeat(" }", n) + "}",
		"query(" + many("$"+canary+": Int") + ") { me { role } }",
		"{ contacts(where: " + strings.Repeat("{and: [", n) + strings.Repeat("]}", n) + ") { totalCount } }",
		strings.Repeat(canary, n) + " { me { role } }",
		"{ search(query: \"" + strings.Repeat(canary+" ", n) + "\") { nodes { __typename } } }",
		"{ me { ..." + canary + " } } fragment " + canary + " on Me { ..." + canary + " }",
		many("fragment " + canary + " on Me { role }"),
		"{ contacts(first: 1000) { nodes { account { contacts(first: 1000) { nodes { account { contacts(first: 1000) { nodes { id } } } } } } } } } # " + canary,
	})
	return in.body(query, map[string]any{"ids": strings.Fields(many(canary)), canary: strings.Repeat(canary, n)})
}
