package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

// EnvPrefix begins the names of environment variables: --max-body is CLOAKROOM_MAX_BODY.
const EnvPrefix = "CLOAKROOM_"

// Config is everything an operator can set. The zero Config is not valid; Load and Default give ones that are.
type Config struct {
	Listen   string        `koanf:"listen"`   // host:port
	Data     string        `koanf:"data"`     // directory of keys and, with SQLite, of the database
	Database string        `koanf:"database"` // sqlite:PATH or postgres://…; empty: cloakroom.db in Data
	Keys     Keys          `koanf:"keys"`
	Demo     bool          `koanf:"demo"`      // load the demo data
	Identity string        `koanf:"identity"`  // "dev" is the only one yet
	MaxBody  int64         `koanf:"max-body"`  // largest request body, in bytes
	Timeout  time.Duration `koanf:"timeout"`   // longest time for one request
	Shutdown time.Duration `koanf:"shutdown"`  // how long running requests may take to end
	Log      string        `koanf:"log"`       // text or json
	LogLevel string        `koanf:"log-level"` // debug, info, warn or error
}

// Keys say where the keys of people are. Empty ones have their places in the data directory, but for the keys of a PostgreSQL
// database: those are in it.
type Keys struct {
	DSN    string `koanf:"dsn"`    // of the wrapped keys: sqlite:PATH or postgres://…
	Root   string `koanf:"root"`   // URI of the root key: file:PATH, hcvault://… or aws-kms://…
	Ledger string `koanf:"ledger"` // of the erasure ledger: sqlite:PATH or postgres://…
}

// Default is a server for one person on one machine.
func Default() Config {
	return Config{Listen: "127.0.0.1:8080", Data: "./data", Identity: "dev", MaxBody: 1 << 20,
		Timeout: 30 * time.Second, Shutdown: 10 * time.Second, Log: "text", LogLevel: "info"}
}

// Flags declares a flag for every setting.
func Flags(f *pflag.FlagSet) {
	d := Default()
	PlaceFlags(f)
	f.String("listen", d.Listen, "address to listen on, host:port; the development identity allows loopback only")
	f.Bool("demo", d.Demo, "load the demo data, once")
	f.String("identity", d.Identity, "who says who is asking: dev (tokens of cloakroom dev token)")
	f.Int64("max-body", d.MaxBody, "largest request body, in bytes")
	f.Duration("timeout", d.Timeout, "longest time for one request")
	f.Duration("shutdown", d.Shutdown, "how long running requests may take to end")
	f.String("log", d.Log, "log format: text or json")
	f.String("log-level", d.LogLevel, "debug, info, warn or error")
}

// PlaceFlags declares the flags that say where the data is, for commands that need no more.
func PlaceFlags(f *pflag.FlagSet) {
	d := Default()
	f.String("data", d.Data, "directory of keys and of the SQLite database (also CLOAKROOM_DATA)")
	f.String("database", d.Database, "sqlite:PATH or postgres://… (also CLOAKROOM_DATABASE; default: cloakroom.db in the data directory)")
	f.String("keys.dsn", "", "wrapped keys of people: sqlite:PATH or postgres://… (also CLOAKROOM_KEYS_DSN; default: keys.db in the data directory, or the PostgreSQL database)")
	f.String("keys.root", "", "root key: file:PATH, hcvault://… or aws-kms://… (also CLOAKROOM_KEYS_ROOT; default: root-key.json in the data directory)")
	f.String("keys.ledger", "", "erasure ledger: sqlite:PATH or postgres://…, apart from data and keys (also CLOAKROOM_KEYS_LEDGER; default: erasures.db in the data directory)")
	f.String("config", "", "YAML file with the names of the serve flags (also CLOAKROOM_CONFIG)")
}

// Load gathers the configuration: flags given by name over environ over the file named by --config or CLOAKROOM_CONFIG
// over defaults. Environ is a list of NAME=value, as os.Environ returns it. A key the file should not have is an error:
// a misspelt setting would silently be its default.
func Load(flags *pflag.FlagSet, environ []string) (Config, error) {
	k := koanf.New(".")
	d := Default()
	defaults := map[string]any{"listen": d.Listen, "data": d.Data, "database": d.Database, "keys.dsn": "", "keys.root": "", "keys.ledger": "", "demo": d.Demo, "identity": d.Identity,
		"max-body": d.MaxBody, "timeout": d.Timeout.String(), "shutdown": d.Shutdown.String(), "log": d.Log, "log-level": d.LogLevel}
	if err := k.Load(confmap.Provider(defaults, "."), nil); err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	if path := configFile(flags, environ); path != "" {
		if err := loadFile(k, path, defaults); err != nil {
			return Config{}, err
		}
	}
	variables := map[string]string{}
	for key := range defaults {
		variables[variable(key)] = key
	}
	known := func(name, value string) (string, any) { return variables[name], value } // none: CLOAKROOM_CONFIG, and variables of the tests
	if err := k.Load(env.Provider(".", env.Opt{Prefix: EnvPrefix, TransformFunc: known, EnvironFunc: func() []string { return environ }}), nil); err != nil {
		return Config{}, fmt.Errorf("configuration from the environment: %w", err)
	}
	given := posflag.ProviderWithFlag(flags, ".", k, func(f *pflag.Flag) (string, any) {
		if _, ok := defaults[f.Name]; !ok || !f.Changed {
			return "", nil
		}
		return f.Name, f.Value.String()
	})
	if err := k.Load(given, nil); err != nil {
		return Config{}, fmt.Errorf("configuration from flags: %w", err)
	}
	var c Config
	if err := k.Unmarshal("", &c); err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return c, c.Validate()
}

// variable is the environment variable of a setting.
func variable(setting string) string {
	return EnvPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(setting))
}

func configFile(flags *pflag.FlagSet, environ []string) string {
	if f := flags.Lookup("config"); f != nil && f.Changed {
		return f.Value.String()
	}
	path := ""
	for _, e := range environ {
		if v, ok := strings.CutPrefix(e, EnvPrefix+"CONFIG="); ok {
			path = v
		}
	}
	return path
}

func loadFile(into *koanf.Koanf, path string, known map[string]any) error {
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		return fmt.Errorf("configuration file %s: %w", path, err)
	}
	var errs []error
	for _, key := range k.Keys() {
		if _, ok := known[key]; !ok {
			errs = append(errs, fmt.Errorf("configuration file %s: there is no setting %q", path, key))
		}
	}
	// Through the names, so that `keys.dsn: …` is the same as `keys: {dsn: …}`.
	return errors.Join(append(errs, into.Load(confmap.Provider(k.All(), "."), nil))...)
}

// Validate reports everything that is wrong, not only the first.
func (c Config) Validate() error {
	var errs []error
	wrong := func(setting, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", setting, fmt.Sprintf(format, args...)))
	}
	host, port, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil:
		wrong("listen", "want host:port, for example 127.0.0.1:8080")
	case port == "":
		wrong("listen", "name a port, for example 127.0.0.1:8080; port 0 takes a free one")
	case c.Identity == "dev" && !loopback(host):
		wrong("listen", "%s", errNotLoopback)
	}
	if c.Data == "" {
		wrong("data", "name a directory")
	}
	// None of these is repeated: whoever mistypes a URL may have put a password there.
	if !isDatabase(c.Keys.DSN) {
		wrong("keys.dsn", "want sqlite:PATH or postgres://…, or nothing for the place it has by itself")
	}
	if !isDatabase(c.Keys.Ledger) {
		wrong("keys.ledger", "want sqlite:PATH or postgres://…, or nothing for the place it has by itself")
	}
	if c.Keys.Root != "" {
		if err := rootkey.Check(c.Keys.Root); err != nil {
			wrong("keys.root", "%s", strings.TrimPrefix(err.Error(), "root key: "))
		}
	}
	if c.Identity != "dev" {
		wrong("identity", "there is only dev in this version")
	}
	if c.MaxBody < 1 || c.MaxBody > 64<<20 {
		wrong("max-body", "want 1 to %d bytes", 64<<20)
	}
	if c.Timeout <= 0 {
		wrong("timeout", "want a time above zero, for example 30s")
	}
	if c.Shutdown < 0 {
		wrong("shutdown", "want a time, for example 10s")
	}
	if c.Log != "text" && c.Log != "json" {
		wrong("log", "want text or json")
	}
	if err := new(slog.Level).UnmarshalText([]byte(c.LogLevel)); err != nil {
		wrong("log-level", "want debug, info, warn or error")
	}
	return errors.Join(errs...)
}

// isDatabase reports whether url is empty or of a kind of database we know.
func isDatabase(url string) bool {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return strings.TrimPrefix(path, "//") != ""
	}
	return url == "" || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
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
