package identity

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// OIDCConfig says whose JWTs count.
type OIDCConfig struct {
	Issuer, Audience string
	JWKS             string // URL of the issuer's keys
	Role             string // claim that holds the role
	Timeout          time.Duration
	Roles            Roles
}

// OIDC checks the access tokens of API clients (RFC 9068, RFC 8725). Keys come from one URL that the operator named; what a
// token says of keys (jwk, jku, x5c, x5u) is never looked at, and the algorithms are listed here.
type OIDC struct {
	OIDCConfig
	client *http.Client

	asking sync.Mutex // held while keys are fetched: whose key is not known waits for the same answer
	tried  time.Time  // when they were last asked for; under asking

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // when keys came
}

// algorithms are signatures that only the issuer can make. With HMAC whoever checks a token could make one; none is none.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}

const (
	attrsClaim = "cloakroom_attrs"
	leeway     = 30 * time.Second // between clocks
	keysFresh  = time.Hour        // how long keys are taken for current
	keysStale  = 24 * time.Hour   // how long they count while the issuer does not answer
	keysPause  = 10 * time.Second // between two questions for keys, whatever tokens name
	minRSA     = 256              // bytes: 2048 bits (RFC 7518 Section 3.3)
)

var errBadJWT = refusal(http.StatusUnauthorized, read.CodeUnauthenticated, "the token is not one of the issuer for this server, or is over: ask the issuer for a new one")

// NewOIDC makes a verifier. It asks nobody yet.
func NewOIDC(c OIDCConfig) (*OIDC, error) {
	u, err := url.Parse(c.JWKS)
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, errors.New("oidc: keys come over https: whoever can change them on their way can be anybody")
	}
	if c.Issuer == "" || c.Audience == "" || c.Role == "" || c.Timeout <= 0 {
		return nil, errors.New("oidc: issuer, audience, claim of the role and a time limit are needed")
	}
	return &OIDC{OIDCConfig: c, client: &http.Client{Timeout: c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (o *OIDC) verify(ctx context.Context, token string, now time.Time) (policy.Principal, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return policy.Principal{}, errBadJWT
	}
	head := signed.Signatures[0].Protected
	typ, _ := head.ExtraHeaders[jose.HeaderType].(string)
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "", "jwt", "at+jwt":
	default: // a token of another kind (RFC 8725 Section 3.11)
		return policy.Principal{}, errBadJWT
	}
	key, err := o.key(ctx, head.KeyID, jose.SignatureAlgorithm(head.Algorithm), now)
	if err != nil {
		return policy.Principal{}, err
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return policy.Principal{}, errBadJWT
	}
	return o.principal(payload, now)
}

// principal reads the claims of a token whose signature is good.
func (o *OIDC) principal(payload []byte, now time.Time) (policy.Principal, error) {
	var c struct {
		jwt.Claims
		AuthTime *jwt.NumericDate `json:"auth_time"`
		ACR      string           `json:"acr"`
	}
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if json.Unmarshal(payload, &c) != nil || d.Decode(&all) != nil || c.Expiry == nil || c.Subject == "" {
		return policy.Principal{}, errBadJWT
	}
	expected := jwt.Expected{Issuer: o.Issuer, AnyAudience: jwt.Audience{o.Audience}, Time: now}
	if c.ValidateWithLeeway(expected, leeway) != nil {
		return policy.Principal{}, errBadJWT
	}
	role, _ := all[o.Role].(string)
	known, customer := o.Roles.Kind(role)
	if !known || customer { // a customer is a person, and signs in as one
		return policy.Principal{}, errNoRole
	}
	attrs, ok := all[attrsClaim].(map[string]any)
	if !ok && all[attrsClaim] != nil {
		return policy.Principal{}, errBadMetadata
	}
	p := policy.Principal{ID: "oidc:" + c.Subject, Role: role, AAL: map[string]int{"aal1": 1, "aal2": 2}[c.ACR]}
	if c.AuthTime != nil {
		p.AuthenticatedAt = c.AuthTime.Time().UTC()
	}
	var err error
	if p.Attrs, err = attributesOf(attrs); err != nil {
		return policy.Principal{}, badMetadata(err)
	}
	return p, nil
}

// key finds the key a token names. One that is not known may be new, so the issuer is asked, but not for every token: anybody can
// make up names. Whose key is known waits for nobody who asks.
func (o *OIDC) key(ctx context.Context, kid string, alg jose.SignatureAlgorithm, now time.Time) (any, error) {
	key, ok, age := o.have(kid, alg, now)
	switch known := ok && age < keysStale; {
	case known && age < keysFresh:
		return key, nil
	case !known:
		o.asking.Lock()
	case !o.asking.TryLock():
		return key, nil
	}
	defer o.asking.Unlock()
	var failed error
	if o.tried.IsZero() || now.Sub(o.tried) >= keysPause { // else somebody has asked meanwhile
		o.tried = now
		var keys []jose.JSONWebKey
		if keys, failed = o.fetch(context.WithoutCancel(ctx)); failed == nil {
			o.mu.Lock()
			o.keys, o.fetched = keys, now
			o.mu.Unlock()
		}
	}
	key, ok, age = o.have(kid, alg, now)
	switch {
	case age >= keysStale && failed != nil:
		return nil, unavailable(fmt.Errorf("fetch the keys of the issuer: %w", failed))
	case age >= keysStale:
		return nil, unavailable(errors.New("there are no keys of the issuer"))
	case !ok:
		return nil, errBadJWT
	}
	return key, nil
}

// have is the key of that name among those that came, and how long ago that was.
func (o *OIDC) have(kid string, alg jose.SignatureAlgorithm, now time.Time) (key any, ok bool, age time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.keys) == 0 {
		return nil, false, keysStale
	}
	key, ok = pick(o.keys, kid, alg)
	return key, ok, now.Sub(o.fetched)
}

// pick returns the one key that may have signed: of that name, or the only one that fits a token which names none.
func pick(keys []jose.JSONWebKey, kid string, alg jose.SignatureAlgorithm) (any, bool) {
	var fit []any
	for _, k := range keys {
		if (kid == "" || k.KeyID == kid) && (k.Algorithm == "" || k.Algorithm == string(alg)) {
			fit = append(fit, k.Key)
		}
	}
	if len(fit) != 1 {
		return nil, false
	}
	return fit[0], true
}

// Ready asks the issuer for its keys, and says how many of them can sign.
func (o *OIDC) Ready(ctx context.Context) (keys int, err error) {
	all, err := o.fetch(ctx)
	return len(all), err
}

func (o *OIDC) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.JWKS, nil) //nolint:gosec // the operator named it
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := o.client.Do(req) //nolint:gosec // the operator named it
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d", resp.StatusCode)
	}
	// Each by itself: a key of a kind we do not know must not take the others with it.
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&set); err != nil {
		return nil, errors.New("the answer is no key set")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue
		}
		if r, ok := k.Key.(*rsa.PublicKey); ok && r.Size() < minRSA {
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key that signs")
	}
	return keys, nil
}
