package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

type issuing struct {
	*httptest.Server
	keys  atomic.Pointer[jose.JSONWebKeySet]
	asked atomic.Int64
	down  atomic.Bool
	hang  atomic.Pointer[chan struct{}]
}

func newIssuing(t *testing.T, keys ...jose.JSONWebKey) *issuing {
	i := &issuing{}
	i.keys.Store(&jose.JSONWebKeySet{Keys: keys})
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.asked.Add(1)
		if wait := i.hang.Load(); wait != nil {
			<-*wait
		}
		if i.down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(i.keys.Load())
	}))
	t.Cleanup(i.Close)
	return i
}

func token(t *testing.T, alg jose.SignatureAlgorithm, key any, kid, typ string, claims map[string]any, more map[jose.HeaderKey]any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if typ == "" {
		o = &jose.SignerOptions{}
	}
	for name, v := range more {
		o = o.WithHeader(name, v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func public(key crypto.Signer, kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"}
}

func TestJWTs(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte(strings.Repeat("s", 32))
	forOther := public(rs, "enc")
	forOther.Use = "enc"
	i := newIssuing(t, public(ec, "ec"), public(ed, "ed"), public(rs, "rs"), forOther, jose.JSONWebKey{Key: secret, KeyID: "hs"})
	o, err := NewOIDC(OIDCConfig{Issuer: "https://issuer.example", Audience: "cloakroom", JWKS: i.URL, Role: "cloakroom_role", Timeout: time.Second, Roles: roles{}})
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	k := authenticator(t, f.URL, func(c *KratosConfig) { c.OIDC = o })
	now := time.Now()
	claims := func(change ...any) map[string]any {
		c := map[string]any{"iss": "https://issuer.example", "aud": "cloakroom", "sub": "robot", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "cloakroom_role": "AGENT",
			"cloakroom_attrs": map[string]any{"region": "EMEA", "level": 3}}
		for j := 0; j < len(change); j += 2 {
			if c[change[j].(string)] = change[j+1]; change[j+1] == nil {
				delete(c, change[j].(string))
			}
		}
		return c
	}
	good := func(change ...any) string { return token(t, jose.ES256, ec, "ec", "at+jwt", claims(change...), nil) }
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"ES256":                      {good(), 200},
		"EdDSA, of no type":          {token(t, jose.EdDSA, ed, "ed", "", claims(), nil), 200},
		"RS256":                      {token(t, jose.RS256, rs, "rs", "JWT", claims(), nil), 200},
		"PS256, application/at+jwt":  {token(t, jose.PS256, rs, "rs", "application/at+jwt", claims(), nil), 200},
		"several audiences":          {good("aud", []string{"other", "cloakroom"}), 200},
		"just over, within leeway":   {good("exp", now.Add(-10*time.Second).Unix()), 200},
		"another key":                {token(t, jose.ES256, other, "ec", "at+jwt", claims(), nil), 401},
		"a key nobody knows":         {token(t, jose.ES256, other, "new", "at+jwt", claims(), nil), 401},
		"a key that brings itself":   {token(t, jose.ES256, other, "", "at+jwt", claims(), map[jose.HeaderKey]any{"jwk": public(other, "x")}), 401},
		"a key from elsewhere":       {token(t, jose.ES256, other, "new", "at+jwt", claims(), map[jose.HeaderKey]any{"jku": "https://evil.example/keys", "x5u": "https://evil.example/cert"}), 401},
		"HMAC":                       {token(t, jose.HS256, secret, "hs", "at+jwt", claims(), nil), 401},
		"RS512":                      {token(t, jose.RS512, rs, "rs", "at+jwt", claims(), nil), 401},
		"a key for another use":      {token(t, jose.RS256, rs, "enc", "at+jwt", claims(), nil), 401},
		"a token of another kind":    {token(t, jose.ES256, ec, "ec", "logout+jwt", claims(), nil), 401},
		"another issuer":             {good("iss", "https://issuer.example.evil"), 401},
		"no issuer":                  {good("iss", nil), 401},
		"another audience":           {good("aud", "billing"), 401},
		"no audience":                {good("aud", nil), 401},
		"over":                       {good("exp", now.Add(-time.Minute).Unix()), 401},
		"without end":                {good("exp", nil), 401},
		"not yet":                    {good("nbf", now.Add(time.Hour).Unix()), 401},
		"from the future":            {good("iat", now.Add(time.Hour).Unix()), 401},
		"of nobody":                  {good("sub", nil), 401},
		"no role":                    {good("cloakroom_role", nil), 403},
		"a role that is gone":        {good("cloakroom_role", "INTERN"), 403},
		"a role of customers":        {good("cloakroom_role", "CUSTOMER"), 403},
		"several roles":              {good("cloakroom_role", []string{"AGENT"}), 403},
		"attributes that are none":   {good("cloakroom_attrs", "EMEA"), 403},
		"an attribute that is built": {good("cloakroom_attrs", map[string]any{"role": "ADMIN"}), 403},
		"no JWT":                     {"a.b.c", 401},
		"no algorithm":               {"eyJhbGciOiJub25lIn0." + strings.Split(good(), ".")[1] + ".", 401},
	} {
		p, err := k.Authenticate(request("Authorization", "Bearer "+c.token))
		if status(err) != c.want {
			t.Errorf("%s: %d %v", name, status(err), err)
		}
		if err == nil && (p.ID != "oidc:robot" || p.Role != "AGENT" || p.Attrs["level"] != int64(3) || p.IsSubject() || p.AAL != 0) {
			t.Errorf("%s: %s %v", name, p.ID, p.Attrs)
		}
	}
	if f.times() > 0 {
		t.Error("a JWT was sent to Kratos")
	}
	if n := i.asked.Load(); n != 1 {
		t.Errorf("keys were asked for %d times: anybody can make up names of keys", n)
	}
	if p, err := k.Authenticate(request("Authorization", "Bearer "+good("acr", "aal2", "auth_time", now.Unix()))); err != nil || p.AAL != 2 || p.AuthenticatedAt.Unix() != now.Unix() {
		t.Errorf("acr and auth_time: %d %s %v", p.AAL, p.AuthenticatedAt, err)
	}
	if _, err := k.Authenticate(request("Authorization", "Bearer ory_st_opaque")); err != nil || f.times() != 1 {
		t.Errorf("a session token beside JWTs: %v", err)
	}
	// A JWT is no session token, and without an issuer no JWT counts.
	f.set(401, map[string]any{})
	if _, err := k.Authenticate(request("X-Session-Token", good())); status(err) != 401 {
		t.Errorf("a JWT as a session token: %v", err)
	}
	if _, err := authenticator(t, f.URL).Authenticate(request("Authorization", "Bearer "+good())); status(err) != 401 {
		t.Errorf("a JWT while there is no issuer: %v", err)
	}
}

func TestKeysOfTheIssuer(t *testing.T) {
	first, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := newIssuing(t, public(first, "1"))
	o, err := NewOIDC(OIDCConfig{Issuer: "i", Audience: "a", JWKS: i.URL, Role: "role", Timeout: time.Second, Roles: roles{}})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	ask := func(key *ecdsa.PrivateKey, kid string, at time.Duration) int {
		now := start.Add(at)
		_, err := o.verify(t.Context(), token(t, jose.ES256, key, kid, "", map[string]any{"iss": "i", "aud": "a", "sub": "s", "role": "AGENT", "exp": now.Add(time.Hour).Unix()}, nil), now)
		return status(err)
	}
	i.down.Store(true)
	if got := ask(first, "1", 0); got != 503 {
		t.Errorf("no keys at all: %d", got)
	}
	i.down.Store(false)
	if got := ask(first, "1", time.Second); got != 503 {
		t.Errorf("asked again at once: %d", got)
	}
	if got := ask(first, "1", 11*time.Second); got != 200 {
		t.Errorf("keys are there: %d", got)
	}
	i.keys.Store(&jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public(second, "2")}})
	if got := ask(second, "2", 30*time.Second); got != 200 {
		t.Errorf("a new key: %d", got)
	}
	if got := ask(first, "1", 31*time.Second); got != 401 {
		t.Errorf("a key that is gone: %d", got)
	}
	i.down.Store(true)
	if got := ask(second, "2", 5*time.Hour); got != 200 {
		t.Errorf("the issuer is away for some hours: %d", got)
	}
	if got := ask(second, "2", 30*time.Hour); got != 503 {
		t.Errorf("the issuer is away for a day: %d", got)
	}
	for _, url := range []string{"http://issuer.example/keys", "ftp://127.0.0.1/", "keys.json", ""} {
		if _, err := NewOIDC(OIDCConfig{Issuer: "i", Audience: "a", JWKS: url, Role: "role", Timeout: time.Second, Roles: roles{}}); err == nil {
			t.Errorf("keys from %q", url)
		}
	}
}

// Whoever makes up the name of a key has the issuer asked, and keeps nobody waiting whose key is known: also not while the issuer is
// slow, nor when the hour is over.
func TestMadeUpKeysKeepNobodyWaiting(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := newIssuing(t, public(key, "1"))
	o, err := NewOIDC(OIDCConfig{Issuer: "i", Audience: "a", JWKS: i.URL, Role: "role", Timeout: 20 * time.Second, Roles: roles{}})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	ask := func(kid string, at time.Duration) int {
		now := start.Add(at)
		_, err := o.verify(t.Context(), token(t, jose.ES256, key, kid, "", map[string]any{"iss": "i", "aud": "a", "sub": "s", "role": "AGENT", "exp": now.Add(time.Hour).Unix()}, nil), now)
		return status(err)
	}
	if got := ask("1", 0); got != 200 {
		t.Fatal(got)
	}
	hang := make(chan struct{})
	i.hang.Store(&hang)
	made := make(chan int)
	go func() { made <- ask("made up", time.Minute) }()
	for i.asked.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	for _, at := range []time.Duration{time.Minute, 2 * time.Hour} {
		known := make(chan int, 1)
		go func() { known <- ask("1", at) }()
		select {
		case got := <-known:
			if got != 200 {
				t.Errorf("after %s: %d", at, got)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("after %s: it waits", at)
		}
	}
	close(hang)
	if got := <-made; got != 401 {
		t.Error(got)
	}
}
