package identity

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	kratos "github.com/ory/kratos-client-go"
	"golang.org/x/sync/singleflight"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
)

// KratosConfig is what a Kratos needs.
type KratosConfig struct {
	URL      string        // of the public API of Ory Kratos
	Cache    time.Duration // how long a look-up is believed; 0: not at all
	Timeout  time.Duration // of one look-up
	Roles    Roles
	Subjects Subjects
	// Events tells of revoked sessions. Nil: nothing is remembered.
	Events graph.Events
	// Hears reports whether notices of other replicas arrive; nil: there are none to hear. While they do not, nothing is believed
	// that was looked up before.
	Hears func() bool
	OIDC  *OIDC // whose JWTs count; nil: nobody's
	Log   *slog.Logger
	Now   func() time.Time // default time.Now
}

// Kratos knows who somebody is by their session of Ory Kratos. It trusts what Kratos answers to the session's own credential,
// and of that the metadata that only operators write.
type Kratos struct {
	KratosConfig
	api        *kratos.APIClient
	memory     *memory
	flights    singleflight.Group
	places     chan struct{}
	stop       func()
	listening  atomic.Bool
	complained atomic.Int64
}

// maxLookups bounds how many look-ups and sign-outs are under way: a Kratos that hangs must not pile up what waits for it.
const maxLookups = 64

// maxAnswer bounds an answer of Kratos, in bytes.
const maxAnswer = 256 << 10

// NewKratos makes an authenticator; Close ends it.
func NewKratos(c KratosConfig) (*Kratos, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Timeout <= 0 {
		return nil, errors.New("kratos: a look-up needs a time limit")
	}
	m, err := newMemory()
	if err != nil {
		return nil, err
	}
	api := clientOf(c.URL, &http.Client{
		Timeout:       c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a credential goes where the operator said
		Transport:     bounded{&http.Transport{MaxConnsPerHost: maxLookups, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: c.Timeout}},
	})
	k := &Kratos{KratosConfig: c, api: api, memory: m, places: make(chan struct{}, maxLookups), stop: func() {}}
	if c.Events != nil {
		notices, stop := c.Events.Subscribe(graph.TopicRevoked)
		k.stop = stop
		k.listening.Store(true)
		go k.listen(notices)
	}
	return k, nil
}

// clientOf asks the API of Kratos at url.
func clientOf(url string, h *http.Client) *kratos.APIClient {
	config := kratos.NewConfiguration()
	config.Servers = kratos.ServerConfigurations{{URL: strings.TrimSuffix(url, "/")}}
	config.UserAgent = "cloakroom"
	config.HTTPClient = h
	return kratos.NewAPIClient(config)
}

// Close ends listening for revocations. Nothing is remembered from then on.
func (k *Kratos) Close() { k.stop() }

// bounded reads no more of an answer than is reasonable.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

func (k *Kratos) listen(notices <-chan graph.Notice) {
	for n := range notices {
		if n.Gap {
			k.memory.clear()
		} else {
			k.memory.revoke(string(n.Data))
		}
	}
	k.listening.Store(false)
	k.memory.clear()
}

// Revoke ends what is remembered of a session or an identity, here at once and then everywhere. Kratos must know already: else
// the next look-up finds it again.
func (k *Kratos) Revoke(ctx context.Context, id string) error {
	k.memory.revoke(id)
	if k.Events == nil {
		return nil
	}
	return TellRevoked(ctx, k.Events, id)
}

// remembers reports whether a look-up may be believed later.
func (k *Kratos) remembers() bool {
	return k.Cache > 0 && k.listening.Load() && (k.Hears == nil || k.Hears())
}

// Authenticate asks Kratos whose session it is, or remembers.
func (k *Kratos) Authenticate(r *http.Request) (policy.Principal, error) {
	c, err := credentialOf(r)
	if err != nil {
		return policy.Principal{}, err
	}
	// With OIDC, what has the shape of a JWT is one and is never sent to Kratos; without, nothing is.
	if k.OIDC != nil && c.isJWT() {
		return k.OIDC.verify(r.Context(), c.value, k.Now())
	}
	return k.session(r.Context(), c)
}

// doubt forgets what a request's credential was taken for.
func (k *Kratos) doubt(r *http.Request) {
	if c, err := credentialOf(r); err == nil {
		k.memory.forget(c.digest())
	}
}

func (k *Kratos) session(ctx context.Context, c credential) (policy.Principal, error) {
	key, now := c.digest(), k.Now()
	f, ok, epoch := k.memory.get(key, now)
	if ok && k.remembers() {
		return own(f.principal), nil
	}
	// Who asks after a revocation must not share the answer to a question from before.
	flight := string(binary.BigEndian.AppendUint64(key[:], epoch))
	answers := k.flights.DoChan(flight, func() (v any, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = unavailable(fmt.Errorf("panic: %T", p))
			}
		}()
		// It is made for everybody who waits: that the first of them leaves must not end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.Timeout)
		defer cancel()
		return k.lookUp(ctx, c, key, epoch)
	})
	select {
	case <-ctx.Done():
		return policy.Principal{}, unavailable(ctx.Err())
	case a := <-answers:
		if a.Err != nil {
			return policy.Principal{}, k.told(ctx, a.Err)
		}
		return own(a.Val.(found).principal), nil //nolint:forcetypeassert // lookUp's
	}
}

// lookUp asks Kratos.
func (k *Kratos) lookUp(ctx context.Context, c credential, key [32]byte, epoch uint64) (any, error) {
	leave, err := k.place(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	began := k.Now()
	s, resp, err := k.whoIs(ctx, c)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	switch {
	case resp != nil && resp.StatusCode == http.StatusUnauthorized:
		return nil, errNoSession
	case resp != nil && resp.StatusCode == http.StatusForbidden: // session.whoami.required_aal is highest_available
		return nil, errSecondFactor
	case err != nil:
		return nil, unavailable(withoutBody(err, resp))
	case resp.StatusCode != http.StatusOK:
		return nil, unavailable(fmt.Errorf("kratos answered %d", resp.StatusCode))
	case !alive(s, k.Now()):
		return nil, errNoSession
	}
	p, err := k.principalOf(ctx, s)
	if err != nil {
		return nil, err
	}
	f := found{principal: p, session: s.Id, expires: began.Add(k.Cache)}
	if s.ExpiresAt.Before(f.expires) {
		f.expires = *s.ExpiresAt
	}
	if k.remembers() {
		k.memory.put(key, f, epoch)
	}
	return f, nil
}

// place waits for a place among those who ask Kratos.
func (k *Kratos) place(ctx context.Context) (leave func(), err error) {
	select {
	case k.places <- struct{}{}:
		return func() { <-k.places }, nil
	case <-ctx.Done():
		return nil, unavailable(errors.New("too many look-ups wait for Kratos"))
	}
}

// whoIs asks whose session a credential is.
func (k *Kratos) whoIs(ctx context.Context, c credential) (*kratos.Session, *http.Response, error) {
	ask := k.api.FrontendAPI.ToSession(ctx)
	if c.kind == byCookie {
		return ask.Cookie(cookieName + "=" + c.value).Execute()
	}
	return ask.XSessionToken(c.value).Execute()
}

// withoutBody keeps of an error what names no person: an answer's text may be about one.
func withoutBody(err error, resp *http.Response) error {
	if resp != nil {
		return fmt.Errorf("kratos answered %d, and not what was expected", resp.StatusCode)
	}
	return err
}

// told logs the cause of a refusal that is the operator's to mend, and not for every request.
func (k *Kratos) told(ctx context.Context, err error) error {
	var r *Refusal
	if errors.As(err, &r) && r.cause != nil {
		now, last := k.Now().Unix(), k.complained.Load()
		if now-last >= 10 && k.complained.CompareAndSwap(last, now) {
			k.Log.WarnContext(ctx, "somebody was not let in", "status", r.Status, "err", r.cause)
		}
	}
	return err
}

// Ready asks whether Kratos could say who somebody is.
func (k *Kratos) Ready(ctx context.Context) (words string, err error) {
	ctx, cancel := context.WithTimeout(ctx, k.Timeout)
	defer cancel()
	_, resp, err := k.api.MetadataAPI.IsReady(ctx).Execute()
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return "Kratos does not answer, so nobody is let in", withoutBody(err, resp)
	}
	return "", nil
}
