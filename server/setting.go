package server

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is one thing an operator can set. Flags, environment, file, defaults, JSON Schema, documentation and what
// `cloakroom config print` shows derive from the table of them.
type setting struct {
	name      string // of the flag, and of the key in the file
	fallback  string // its default, as an operator would write it
	usage     string
	form      form
	field     func(*Config) any   // where it goes
	secret    bool                // never printed, and may come from a file of its own
	effective func(Config) string // what follows from it, where that may be something else
	place     bool                // also set for commands that only need to know where the data is
}

// group is the part of a setting's name that the settings of one group share, and the rest.
func (s setting) group() (group, rest string) {
	group, rest, dotted := strings.Cut(s.name, ".")
	if !dotted {
		return "", s.name
	}
	return group, rest
}

// FileSuffix makes the name of a secret that lies in a file of its own: database-file is the path of a file that holds database.
// Arguments of a process can be read by every user of a machine, and its environment ends up in crash reports.
const FileSuffix = "-file"

// settings is the table, in the order in which they are told.
var settings = []setting{
	{name: "listen", fallback: "127.0.0.1:8080", form: address(false), field: func(c *Config) any { return &c.Listen },
		usage: "address of the API, host:port; the development identity allows loopback only"},
	{name: "admin", fallback: "127.0.0.1:8081", form: address(true), field: func(c *Config) any { return &c.Admin },
		usage: "address of /healthz, /readyz and /metrics, host:port; empty for none"},
	{name: "public-url", form: origin(true), field: func(c *Config) any { return &c.PublicURL },
		effective: Config.Origin,
		usage:     "origin that browsers use, for example https://crm.example.com; empty: the address of the API"},
	{name: "origins", form: origins(), field: func(c *Config) any { return &c.Origins },
		usage: "further origins whose pages may ask, comma-separated"},

	{name: "data", fallback: "./data", form: text(false, "name a directory"), place: true, field: func(c *Config) any { return &c.Data },
		usage: "directory of keys and of the SQLite database"},
	{name: "database", form: database(true), secret: true, place: true, field: func(c *Config) any { return &c.Database },
		effective: Config.DatabaseURL,
		usage:     "sqlite:PATH or postgres://…; empty: cloakroom.db in the data directory"},
	{name: "read-replicas", form: standbys(), secret: true, place: true, field: func(c *Config) any { return &c.ReadReplicas },
		usage: "standbys of the PostgreSQL database that may answer queries: postgres://…, comma-separated, one server each"},
	{name: "confirm", fallback: "3s", form: span(10*time.Millisecond, 10*time.Minute), place: true, field: func(c *Config) any { return &c.Confirm },
		usage: "how long a withdrawal waits until no read that began before it is under way, before it says UNKNOWN"},
	{name: "keys.dsn", form: database(false), secret: true, place: true, field: func(c *Config) any { return &c.Keys.DSN },
		usage: "wrapped keys of people: sqlite:PATH or postgres://…; empty: keys.db in the data directory, or the PostgreSQL database"},
	{name: "keys.root", form: rootKey(), secret: true, place: true, field: func(c *Config) any { return &c.Keys.Root },
		usage: "root key: file:PATH, hcvault://… or aws-kms://…; empty: root-key.json in the data directory"},
	{name: "keys.ledger", form: database(false), secret: true, place: true, field: func(c *Config) any { return &c.Keys.Ledger },
		usage: "erasure ledger: sqlite:PATH or postgres://…, apart from data and keys; empty: erasures.db in the data directory"},
	{name: "migrate", fallback: "auto", form: choice("auto", "check"), field: func(c *Config) any { return &c.Migrate },
		usage: "auto brings the database up to date at the start; check refuses to start where it is not: cloakroom migrate"},
	{name: "demo", fallback: "false", form: onOff(), field: func(c *Config) any { return &c.Demo },
		usage: "load the demo data, once"},

	{name: "redis", form: redisURL(), secret: true, field: func(c *Config) any { return &c.Redis },
		usage: "Redis for what replicas share: redis://, redis-sentinel:// or redis-cluster://, rediss… for TLS; empty: kept in process, which is right for one replica"},

	{name: "identity", fallback: "dev", form: choice("dev", "kratos"), field: func(c *Config) any { return &c.Identity },
		usage: "who says who is asking: dev (tokens of cloakroom dev token) or kratos (sessions of Ory Kratos)"},
	{name: "kratos.url", form: webURL(true), field: func(c *Config) any { return &c.Kratos.URL },
		usage: "public API of Ory Kratos, for example http://kratos:4433"},
	{name: "kratos.admin", form: webURL(true), field: func(c *Config) any { return &c.Kratos.Admin },
		usage: "admin API of Ory Kratos, for cloakroom sessions revoke; the server itself never uses it"},
	{name: "kratos.login", form: webURL(true), field: func(c *Config) any { return &c.Kratos.Login },
		effective: Config.LoginURL,
		usage:     "where a browser begins to sign in; empty: kratos.url with /self-service/login/browser"},
	{name: "kratos.cache", fallback: "5s", form: span(0, time.Minute), field: func(c *Config) any { return &c.Kratos.Cache },
		usage: "how long a session that was looked up is believed, if nobody revokes it"},
	{name: "kratos.timeout", fallback: "2s", form: span(time.Millisecond, time.Minute), field: func(c *Config) any { return &c.Kratos.Timeout },
		usage: "how long a look-up of a session may take"},
	{name: "oidc.issuer", form: webURL(true), field: func(c *Config) any { return &c.OIDC.Issuer },
		usage: "issuer of the JWTs of API clients; empty: no JWT is accepted"},
	{name: "oidc.audience", form: text(true, ""), field: func(c *Config) any { return &c.OIDC.Audience },
		usage: "audience that a JWT has to name"},
	{name: "oidc.jwks", form: webURL(true), field: func(c *Config) any { return &c.OIDC.JWKS },
		usage: "URL of the issuer's keys"},
	{name: "oidc.role", fallback: "cloakroom_role", form: text(false, "name the claim that holds the role"), field: func(c *Config) any { return &c.OIDC.Role },
		usage: "claim of a JWT that holds the role"},

	{name: "mail.url", form: mailURL(), secret: true, field: func(c *Config) any { return &c.Mail.URL },
		usage: "mail server by which people are asked for consent: smtp://HOST:587 (STARTTLS) or smtps://HOST:465, with USER:PASSWORD@ before the host where it wants them; empty: nobody is asked by mail"},
	{name: "mail.from", form: mailFrom(), field: func(c *Config) any { return &c.Mail.From },
		usage: "whom mails are from, for example Example GmbH <privacy@example.com>"},
	{name: "mail.valid", fallback: "48h", form: span(time.Second, 30*24*time.Hour), field: func(c *Config) any { return &c.Mail.Valid },
		usage: "how long a link in a mail works"},

	{name: "documents", fallback: "auto", form: choice("auto", "open", "log", "enforce"), field: func(c *Config) any { return &c.Documents },
		effective: Config.DocumentMode,
		usage:     "operations that are not registered: open answers them, log tells, enforce refuses; auto is open with identity dev, else enforce"},
	{name: "graphiql", fallback: "auto", form: choice("auto", "on", "off"), field: func(c *Config) any { return &c.GraphiQL },
		effective: func(c Config) string { return map[bool]string{true: "on", false: "off"}[c.ShowsGraphiQL()] },
		usage:     "a page to try operations on; auto is on with identity dev, else off"},
	{name: "limits.body", fallback: "256KiB", form: size(1, 64<<20), field: func(c *Config) any { return &c.Limits.Body },
		usage: "largest request, in bytes or as 256KiB"},
	{name: "limits.tokens", fallback: "1500", form: whole(1, 20_000), field: func(c *Config) any { return &c.Limits.Tokens },
		usage: "words, values and signs of a document"},
	{name: "limits.depth", fallback: "20", form: whole(1, 100), field: func(c *Config) any { return &c.Limits.Depth },
		usage: "how deep a document may nest"},
	{name: "limits.aliases", fallback: "60", form: whole(1, 10_000), field: func(c *Config) any { return &c.Limits.Aliases },
		usage: "aliases of a document"},
	{name: "limits.directives", fallback: "50", form: whole(1, 10_000), field: func(c *Config) any { return &c.Limits.Directives },
		usage: "directives of a document"},
	{name: "limits.fields", fallback: "1000", form: whole(1, 100_000), field: func(c *Config) any { return &c.Limits.Fields },
		usage: "fields of an operation, counted where fragments are used"},
	{name: "limits.cost", fallback: "10000", form: whole(1, 1_000_000_000), field: func(c *Config) any { return &c.Limits.Cost },
		usage: "points that one operation may cost; a point is a hundred values of an answer"},
	{name: "limits.rate", fallback: "60000", form: whole(1, 1_000_000_000), field: func(c *Config) any { return &c.Limits.Rate },
		usage: "points that one principal may spend in a minute"},
	{name: "limits.burst", fallback: "0", form: whole(0, 1_000_000_000), field: func(c *Config) any { return &c.Limits.Burst },
		effective: func(c Config) string { return strconv.Itoa(c.Limits.BurstPoints()) },
		usage:     "points that one principal may spend at once; 0: as many as limits.rate"},
	{name: "limits.roles", form: points(), field: func(c *Config) any { return &c.Limits.Roles },
		usage: "limits.rate of principals by role, as ROLE=POINTS,…"},

	{name: "timeout", fallback: "30s", form: span(time.Millisecond, time.Hour), field: func(c *Config) any { return &c.Timeout },
		usage: "longest time for one request"},
	{name: "drain", fallback: "0s", form: span(0, time.Hour), field: func(c *Config) any { return &c.Drain },
		usage: "how long requests are still taken after /readyz said no: longer than a balancer takes to notice"},
	{name: "shutdown", fallback: "10s", form: span(0, time.Hour), field: func(c *Config) any { return &c.Shutdown },
		usage: "how long running requests may take to end"},
	{name: "log", fallback: "text", form: choice("text", "json"), field: func(c *Config) any { return &c.Log },
		usage: "log format: text or json"},
	{name: "log-level", fallback: "info", form: choice("debug", "info", "warn", "error"), field: func(c *Config) any { return &c.LogLevel },
		usage: "debug, info, warn or error"},
	{name: "otel.endpoint", form: webURL(true), field: func(c *Config) any { return &c.OTel.Endpoint },
		usage: "where traces go, OTLP over HTTP, for example http://collector:4318; empty: nowhere"},
	{name: "otel.sample", fallback: "100", form: whole(1, 100), field: func(c *Config) any { return &c.OTel.Sample },
		usage: "of a hundred requests, how many are traced"},
}

// settingOf finds a setting by the name of a key; file reports that the key names a file with its value.
func settingOf(key string) (s setting, file, ok bool) {
	i := slices.IndexFunc(settings, func(s setting) bool {
		return key == s.name || s.secret && key == s.name+FileSuffix
	})
	if i < 0 {
		return setting{}, false, false
	}
	return settings[i], key != settings[i].name, true
}

// variable is the environment variable of a key.
func variable(key string) string {
	return EnvPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(key))
}

// Choices are the values that a setting may have; nil where they cannot be counted.
func Choices(name string) []string {
	s, _, _ := settingOf(name)
	return s.form.choices
}
