package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

const (
	audience = "cloakroom-dev"
	issuer   = "cloakroom dev token"
	// DefaultLife is how long a development token is good for.
	DefaultLife = 30 * 24 * time.Hour
	// maxToken bounds the work an unauthenticated sender can cause, in bytes.
	maxToken = 8 << 10
)

// Errors of Verify. They are told to clients, so they tell no more than the sender knows.
var (
	ErrBadToken     = errors.New("the token was not made by this server: make one with `cloakroom dev token`")
	ErrExpiredToken = errors.New("the token has expired: make a new one with `cloakroom dev token`")
)

// Dev makes and checks development tokens: JSON Web Tokens (RFC 7519) under HMAC-SHA-256. There is no user directory
// behind them; a token says who its holder is.
type Dev struct {
	key   []byte
	now   func() time.Time
	known *lru.Cache[[sha256.Size]byte, known] // by the token's digest: nothing that is kept can be sent
}

// known is what a token said whose signature was checked before. Whether it still holds is asked every time.
type known struct {
	claims    jwt.Claims
	principal policy.Principal
}

// NewDev opens the development identity of a data directory, creating its key on first use.
func NewDev(dir string) (*Dev, error) {
	key, err := loadKey(dir)
	if err != nil {
		return nil, err
	}
	seen, err := lru.New[[sha256.Size]byte, known](1024)
	if err != nil {
		return nil, err
	}
	return &Dev{key: key, now: time.Now, known: seen}, nil
}

type claims struct {
	jwt.Claims
	Role        string         `json:"role"`
	Attrs       map[string]any `json:"attrs,omitempty"`
	DataSubject string         `json:"data_subject,omitempty"`
	AAL         int            `json:"aal,omitempty"`
	AuthTime    int64          `json:"auth_time,omitempty"` // as OpenID Connect Core Section 2 has it
}

// Issue makes a token for the principal, good for life.
func (d *Dev) Issue(p policy.Principal, life time.Duration) (string, error) {
	token, _, err := d.IssueUntil(p, life)
	return token, err
}

// IssueUntil is Issue, and says when the token expires.
func (d *Dev) IssueUntil(p policy.Principal, life time.Duration) (token string, expires time.Time, err error) {
	now := d.now()
	token, err = d.issue(p, now, life)
	return token, now.Add(life).UTC().Truncate(time.Second), err // as RFC 7519 counts
}

func (d *Dev) issue(p policy.Principal, now time.Time, life time.Duration) (string, error) {
	if p.Role == "" {
		return "", errors.New("make a token: it needs a role")
	}
	if life <= 0 {
		return "", errors.New("make a token: its life must be longer than nothing")
	}
	c := claims{
		Claims: jwt.Claims{Issuer: issuer, Subject: p.ID, Audience: jwt.Audience{audience},
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(life))},
		Role: p.Role, Attrs: p.Attrs, AAL: p.AAL, AuthTime: now.Unix(),
	}
	if !p.AuthenticatedAt.IsZero() {
		c.AuthTime = p.AuthenticatedAt.Unix()
	}
	if p.IsSubject() {
		c.DataSubject = p.Subject.String()
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: d.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	if len(token) > maxToken {
		return "", fmt.Errorf("make a token: it would have %d bytes, at most %d are accepted; give fewer attributes", len(token), maxToken)
	}
	return token, nil
}

// Authenticate reads the request's bearer token.
func (d *Dev) Authenticate(r *http.Request) (policy.Principal, error) {
	token, err := bearer(r)
	if err != nil {
		return policy.Principal{}, err
	}
	return d.Verify(token)
}

// Verify returns whom a token speaks for. The algorithm is fixed here and not taken from the token: a token that names
// its own (RFC 8725 Section 2.1) could choose none. A token without an end is refused.
func (d *Dev) Verify(token string) (policy.Principal, error) {
	if len(token) > maxToken {
		return policy.Principal{}, ErrBadToken
	}
	digest := sha256.Sum256([]byte(token))
	k, ok := d.known.Get(digest)
	if !ok {
		c, err := d.open(token)
		if err != nil {
			return policy.Principal{}, err
		}
		if k.principal, err = c.principal(); err != nil {
			return policy.Principal{}, err
		}
		k.claims = c.Claims
	}
	err := k.claims.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: d.now()}, 0)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return policy.Principal{}, ErrExpiredToken
	case err != nil:
		return policy.Principal{}, ErrBadToken
	}
	if !ok {
		d.known.Add(digest, k)
	}
	p := k.principal
	p.Attrs = maps.Clone(p.Attrs) // each request has its own
	return p, nil
}

// open checks the signature and reads the claims.
func (d *Dev) open(token string) (claims, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return claims{}, ErrBadToken
	}
	payload, err := signed.Verify(d.key)
	if err != nil {
		return claims{}, ErrBadToken
	}
	c, err := decode(payload)
	if err != nil || c.Expiry == nil || c.IssuedAt == nil {
		return claims{}, ErrBadToken
	}
	return c, nil
}

// decode keeps numbers as they are written: a float64 would round an attribute beyond 2⁵³.
func decode(payload []byte) (claims, error) {
	var c claims
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&c); err != nil {
		return c, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return c, errors.New("text after the claims")
	}
	return c, nil
}

func (c claims) principal() (policy.Principal, error) {
	p := policy.Principal{ID: c.Subject, Role: c.Role, Attrs: c.Attrs, AAL: c.AAL}
	if c.AuthTime > 0 {
		p.AuthenticatedAt = time.Unix(c.AuthTime, 0).UTC()
	}
	if c.Role == "" {
		return policy.Principal{}, ErrBadToken
	}
	if c.DataSubject != "" {
		id, err := uuid.Parse(c.DataSubject)
		if err != nil || id == uuid.Nil {
			return policy.Principal{}, ErrBadToken
		}
		p.Subject = id
	}
	for name, v := range p.Attrs {
		plain, ok := attribute(v)
		if !ok {
			return policy.Principal{}, ErrBadToken
		}
		p.Attrs[name] = plain
	}
	return p, nil
}

// attribute brings a decoded value to the types policy.Principal promises; false for anything else.
func attribute(v any) (any, bool) {
	switch v := v.(type) {
	case string, bool:
		return v, true
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, true
		}
		f, err := v.Float64()
		return f, err == nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			if _, list := e.([]any); list {
				return nil, false
			}
			plain, ok := attribute(e)
			if !ok {
				return nil, false
			}
			out[i] = plain
		}
		return out, true
	}
	return nil, false
}
