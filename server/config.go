package server

import (
	"errors"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"net"
	"net/url"
	"path/filepath"
	"time"
)

// Config is everything an operator can set; the table of settings says what each is. The zero Config is not valid; Load and
// Default give ones that are.
type Config struct {
	policy.Withheld

	Listen       string        // host:port of the API
	Admin        string        // host:port of health and metrics; empty: none
	PublicURL    string        // origin that browsers use; see Origin
	Origins      []string      // further origins whose pages may ask
	Data         string        // directory of keys and, with SQLite, of the database
	Database     string        // sqlite:PATH or postgres://…; empty: cloakroom.db in Data
	ReadReplicas []string      // URLs of standbys of Database that may answer queries
	Confirm      time.Duration // how long a withdrawal waits until no read can be older
	Keys         Keys
	Migrate      string // auto or check
	Redis        string // URL; empty: what replicas share is kept in process
	Identity     string // dev or kratos
	Kratos       Kratos
	OIDC         OIDC
	Mail         Mail
	Documents    string // auto, open, log or enforce; see DocumentMode
	GraphiQL     string // auto, on or off; see ShowsGraphiQL
	Limits       Limits
	Timeout      time.Duration // longest time for one request
	Drain        time.Duration // how long requests are still taken after readiness said no
	Shutdown     time.Duration // how long running requests may take to end
	Log          string        // text or json
	LogLevel     string        // debug, info, warn or error
	OTel         OTel
	Demo         bool // load the demo data
}

// Keys say where the keys of people are. Empty ones have their places in the data directory, but for the keys of a PostgreSQL
// database: those are in it.
type Keys struct {
	policy.Withheld

	DSN    string // of the wrapped keys: sqlite:PATH or postgres://…
	Root   string // URI of the root key: file:PATH, hcvault://… or aws-kms://…
	Ledger string // of the erasure ledger: sqlite:PATH or postgres://…
}

// Kratos is where sessions are looked up.
type Kratos struct {
	URL     string        // of its public API
	Admin   string        // URL of its admin API, for commands
	Login   string        // URL at which a browser begins to sign in; see LoginURL
	Cache   time.Duration // how long a look-up is believed
	Timeout time.Duration // of one look-up
}

// OIDC says whose tokens of API clients are believed. There are none while Issuer is empty.
type OIDC struct {
	Issuer   string
	Audience string
	JWKS     string // URL of the issuer's keys
	Role     string // claim that holds the role
}

// Mail is how people are asked by mail. None is sent while URL is empty.
type Mail struct {
	policy.Withheld

	URL   string        // of the mail server: smtp://… or smtps://…
	From  string        // whom mails are from: an address, with a name before it in <>
	Valid time.Duration // how long a link works
}

// Limits bound what one request and one principal may ask for.
type Limits struct {
	Body       int64 // bytes of a request
	Tokens     int   // of a document
	Depth      int
	Aliases    int
	Directives int
	Fields     int            // after fragments are expanded
	Cost       int            // points of one operation
	Rate       int            // points a minute of one principal
	Burst      int            // points at once; 0: as many as Rate
	Roles      map[string]int // Rate of the principals of a role
}

// OTel says where traces go: nowhere while Endpoint is empty.
type OTel struct {
	Endpoint string // OTLP over HTTP
	Sample   int    // of a hundred requests
}

// Default is a server for one person on one machine.
func Default() Config {
	var c Config
	for _, s := range settings {
		if wrong := s.form.read(s.fallback, s.field(&c)); wrong != "" {
			panic("the default of " + s.name + ": " + wrong) // the first test that runs meets it
		}
	}
	return c
}

// Origin is what browsers call this server: PublicURL, or the address it listens on.
func (c Config) Origin() string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	return "http://" + c.Listen
}

// LinkOrigin is the origin that links in mails lead to; empty where nobody said which that is.
func (c Config) LinkOrigin() string {
	if host, _, err := net.SplitHostPort(c.Listen); c.PublicURL == "" && (err != nil || !loopback(host) || freePort(c.Listen)) {
		return ""
	}
	return c.Origin()
}

// LoginURL is where a browser begins to sign in.
func (c Config) LoginURL() string {
	if c.Kratos.Login != "" || c.Kratos.URL == "" {
		return c.Kratos.Login
	}
	u, err := url.JoinPath(c.Kratos.URL, "self-service/login/browser")
	if err != nil {
		return "" // Validate has refused such a URL
	}
	return u
}

// DocumentMode is open, log or enforce: what happens to operations that nobody registered. Only a developer's own machine is open.
func (c Config) DocumentMode() string {
	switch {
	case c.Documents != "auto":
		return c.Documents
	case c.Identity == "dev":
		return "open"
	}
	return "enforce"
}

// ShowsGraphiQL reports whether there is a page to try operations on.
func (c Config) ShowsGraphiQL() bool {
	return c.GraphiQL == "on" || c.GraphiQL == "auto" && c.Identity == "dev"
}

// BurstPoints is how many points a principal may spend at once.
func (l Limits) BurstPoints() int {
	if l.Burst == 0 {
		return l.Rate
	}
	return l.Burst
}

// errNotLoopback is why the development identity does not listen elsewhere.
var errNotLoopback = errors.New("the development identity lets whoever has its key be anybody, so it listens on loopback only: use 127.0.0.1, [::1] or localhost")

// loopback judges the host as written. Server.Run looks at the address it really got once more: what localhost means is
// decided elsewhere.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// DatabaseURL is the database to open.
func (c Config) DatabaseURL() string { return DatabaseURL(c.Data, c.Database) }

// DatabaseURL is the database named, or the SQLite file in the data directory.
func DatabaseURL(data, database string) string {
	if database != "" {
		return database
	}
	return "sqlite:" + filepath.Join(data, "cloakroom.db")
}
