package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

func dev(t *testing.T) *Dev {
	t.Helper()
	d, err := NewDev(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestATokenSpeaksForWhomItWasMade(t *testing.T) {
	d := dev(t)
	want := policy.Principal{ID: "dev:rep", Role: "SALES_REP", Subject: uuid.New(), AAL: 2, AuthenticatedAt: time.Unix(1_700_000_000, 0).UTC(), Attrs: map[string]any{
		"region": "EMEA", "level": int64(9007199254740993), "share": 0.5, "lead": true, "regions": []any{"EMEA", "APAC"}}}
	token, err := d.Issue(want, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Verify(token)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got.Attrs, err, want.Attrs)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	d := dev(t)
	now := time.Now()
	good := claims{Role: "ADMIN", Claims: jwt.Claims{Issuer: issuer, Audience: jwt.Audience{audience}, IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Hour))}}
	if _, err := d.Verify(sign(t, jose.HS256, d.key, good)); err != nil {
		t.Fatalf("the token the cases vary is refused itself: %v", err)
	}
	vary := func(change func(*claims)) string {
		c := good
		change(&c)
		return sign(t, jose.HS256, d.key, c)
	}
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	body := strings.Split(vary(func(*claims) {}), ".")[1]
	signature := strings.Split(vary(func(*claims) {}), ".")[2]
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"nothing":               {"", ErrBadToken},
		"no token":              {"hello", ErrBadToken},
		"no algorithm":          {head + "." + body + ".", ErrBadToken},
		"no algorithm, signed":  {head + "." + body + "." + signature, ErrBadToken},
		"another algorithm":     {sign(t, jose.HS512, append(d.key, d.key...), good), ErrBadToken},
		"another key":           {sign(t, jose.HS256, bytes.Repeat([]byte{7}, 32), good), ErrBadToken},
		"another audience":      {vary(func(c *claims) { c.Audience = jwt.Audience{"elsewhere"} }), ErrBadToken},
		"no audience":           {vary(func(c *claims) { c.Audience = nil }), ErrBadToken},
		"another issuer":        {vary(func(c *claims) { c.Issuer = "elsewhere" }), ErrBadToken},
		"no end":                {vary(func(c *claims) { c.Expiry = nil }), ErrBadToken},
		"past its end":          {vary(func(c *claims) { c.Expiry = jwt.NewNumericDate(now.Add(-time.Second)) }), ErrExpiredToken},
		"not yet":               {vary(func(c *claims) { c.NotBefore = jwt.NewNumericDate(now.Add(time.Hour)) }), ErrBadToken},
		"no role":               {vary(func(c *claims) { c.Role = "" }), ErrBadToken},
		"a subject that is not": {vary(func(c *claims) { c.DataSubject = "ada" }), ErrBadToken},
		"nobody as subject":     {vary(func(c *claims) { c.DataSubject = uuid.Nil.String() }), ErrBadToken},
		"an attribute too deep": {vary(func(c *claims) { c.Attrs = map[string]any{"a": map[string]any{}} }), ErrBadToken},
		"too long":              {vary(func(c *claims) { c.Attrs = map[string]any{"a": strings.Repeat("x", maxToken)} }), ErrBadToken},
	} {
		if _, err := d.Verify(c.token); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key []byte, c claims) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTheKeyIsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	keys := make([][]byte, 16)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			d, err := NewDev(dir)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = d.key
		})
	}
	all.Wait()
	for _, k := range keys {
		if !bytes.Equal(k, keys[0]) {
			t.Fatal("two processes that start at once read different keys")
		}
	}
	path := filepath.Join(dir, KeyFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDev(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Fatalf("a key everybody can read: %v", err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDev(dir); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Fatalf("half a key: %v", err)
	}
}

func TestMiddleware(t *testing.T) {
	d := dev(t)
	token := func(role string) string {
		s, err := d.Issue(policy.Principal{Role: role}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := policy.PrincipalFrom(r.Context())
		if !ok {
			t.Error("reached without a principal")
		}
		_, _ = w.Write([]byte(p.Role))
	})
	h := Middleware(d, func(role string) bool { return role == "ADMIN" })(inner)
	for name, c := range map[string]struct {
		header []string
		status int
		text   string
	}{
		"a good token":            {[]string{"Bearer " + token("ADMIN")}, 200, "ADMIN"},
		"the scheme has no case":  {[]string{"bearer " + token("ADMIN")}, 200, "ADMIN"},
		"nothing":                 {nil, 401, "send a bearer token"},
		"another scheme":          {[]string{"Basic YTpi"}, 401, "send a bearer token"},
		"a made-up token":         {[]string{"Bearer x"}, 401, "not made by this server"},
		"a role that is gone":     {[]string{"Bearer " + token("INTERN")}, 401, "not a role of the schema"},
		"two headers, first good": {[]string{"Bearer " + token("ADMIN"), "Bearer x"}, 401, "malformed"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Header["Authorization"] = c.header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if c.status != http.StatusUnauthorized {
			continue
		}
		var body struct {
			Errors []struct {
				Extensions struct{ Code string }
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body.Errors) != 1 || body.Errors[0].Extensions.Code != "UNAUTHENTICATED" {
			t.Errorf("%s: not a GraphQL error with a code: %s", name, w.Body)
		}
		if w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", name)
		}
	}
}

func TestPerson(t *testing.T) {
	p, err := Person("SALES_REP", []string{"region=EMEA", "team=a=b", "product=x", "product=y", "product=z"}, uuid.Nil)
	want := map[string]any{"region": "EMEA", "team": "a=b", "product": []any{"x", "y", "z"}}
	if err != nil || !reflect.DeepEqual(p.Attrs, want) {
		t.Fatalf("%v %v", p.Attrs, err)
	}
	other, err := Person("SALES_REP", []string{"region=APAC"}, uuid.Nil)
	if err != nil || other.ID == p.ID {
		t.Fatal("two different viewers share an identity")
	}
	for _, bad := range []string{"region", "=EMEA", "role=ADMIN", "subject=x", "id=1"} {
		if _, err := Person("SALES_REP", []string{bad}, uuid.Nil); err == nil {
			t.Errorf("--attr %s is accepted", bad)
		}
	}
	if _, err := Person("", nil, uuid.Nil); err == nil {
		t.Error("no role is accepted")
	}
}
