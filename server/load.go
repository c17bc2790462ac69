package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// EnvPrefix begins the names of environment variables: --limits.body is CLOAKROOM_LIMITS_BODY.
const EnvPrefix = "CLOAKROOM_"

// Flags declares a flag for every setting.
func Flags(f *pflag.FlagSet) {
	PlaceFlags(f)
	for _, s := range settings {
		if !s.place {
			declare(f, s)
		}
	}
}

// PlaceFlags declares the flags that say where the data is, for commands that need no more.
func PlaceFlags(f *pflag.FlagSet) {
	for _, s := range settings {
		if s.place {
			declare(f, s)
		}
	}
	f.String("config", "", "YAML file with the names of the serve flags (also CLOAKROOM_CONFIG)")
}

func declare(f *pflag.FlagSet, s setting) {
	usage := s.usage
	if s.place { // serve explains the names in one sentence
		usage += " (also " + variable(s.name) + ")"
	}
	flag := f.VarPF(&given{s.fallback, s.form.word}, s.name, "", usage)
	if s.form.word == "bool" {
		flag.NoOptDefVal = "true"
	}
	if s.secret { // hidden: there are enough to read, and docs/operating.md tells of them all
		f.VarPF(&given{"", "path"}, s.name+FileSuffix, "", "file that holds "+s.name).Hidden = true
	}
}

// given is a flag as it was written. What is wrong with it is told with all else that is wrong.
type given struct{ text, word string }

func (g *given) String() string        { return g.text }
func (g *given) Set(text string) error { g.text = text; return nil }
func (g *given) Type() string          { return g.word }

// Load gathers the configuration: flags given by name over environ over the file named by --config or CLOAKROOM_CONFIG
// over defaults. Environ is a list of NAME=value, as os.Environ returns it. A key the file should not have is an error:
// a misspelt setting would silently be its default.
func Load(flags *pflag.FlagSet, environ []string) (Config, error) {
	g, err := Gather(flags, environ)
	return g.Config, err
}

// Gathered is a configuration and where it came from.
type Gathered struct {
	Config Config
	from   map[string]string // by setting; those that are missing have their defaults
	files  map[string]string // by secret: the file it stands in
	wrong  map[string]bool
}

// Place is where a secret stands.
type Place struct {
	Setting string
	File    string // empty: in the environment, or on the command line
	Line    bool   // on the command line
}

// Secrets are where those secrets stand that have a password in them.
func (g Gathered) Secrets() []Place {
	var out []Place
	for _, s := range settings {
		from, set := g.from[s.name]
		if !s.secret || !set || !hasPassword(s.written(&g.Config)) {
			continue
		}
		out = append(out, Place{s.name, g.files[s.name], strings.HasPrefix(from, "--") && g.files[s.name] == ""})
	}
	return out
}

// hasPassword reports whether a URL has one, also in a form that net/url does not read.
func hasPassword(url string) bool {
	_, rest, _ := strings.Cut(url, "://")
	login, _, ok := strings.Cut(rest, "@")
	return ok && strings.Contains(login, ":") || strings.Contains(url, "password=")
}

// Gather is Load that remembers where values came from, also where they are wrong. The error joins a Problem for everything
// that is.
func Gather(flags *pflag.FlagSet, environ []string) (Gathered, error) {
	g := Gathered{Config: Default(), from: map[string]string{}, files: map[string]string{}, wrong: map[string]bool{}}
	layers, errs := layersOf(flags, environ)
	for _, s := range settings {
		for _, l := range slices.Backward(layers) { // the highest that has it
			found, file, wrong := l.set(s, s.field(&g.Config))
			if wrong != "" {
				errs = append(errs, Problem{s.name, wrong})
				g.wrong[s.name] = true
				s.form.read(s.fallback, s.field(&g.Config)) // others are derived from it, and printed
			}
			if found != "" {
				g.from[s.name], g.files[s.name] = found, file
				break
			}
		}
	}
	for _, p := range g.Config.problems() {
		if !g.wrong[p.Setting] { // what cannot be read cannot fit the rest either
			errs = append(errs, p)
		}
	}
	return g, errors.Join(errs...)
}

// layer is one source of settings.
type layer struct {
	k     *koanf.Koanf
	named func(key string) string // where in the source a key is, for people
	file  string                  // that it was read from, if any
}

// set puts what the layer says of a setting into its field. Found says where it was, "" if nowhere; file is the one with the value.
func (l layer) set(s setting, field any) (found, file, wrong string) {
	direct, filed := l.k.Exists(s.name), s.secret && l.k.Exists(s.name+FileSuffix)
	switch {
	case direct && filed:
		return l.named(s.name), "", "set it once: either the value, or the file that holds it"
	case filed:
		found = l.named(s.name + FileSuffix)
		path, ok := written(l.k.Get(s.name + FileSuffix))
		if !ok || path == "" {
			return found, "", "name the file that holds it"
		}
		value, wrong := secretIn(path)
		if wrong != "" {
			return found, path, wrong
		}
		return found, path, s.form.read(value, field)
	case direct:
		raw := l.k.Get(s.name)
		_, list := raw.([]any)
		_, group := raw.(map[string]any)
		value, ok := written(raw)
		if !ok || list && s.form.word != "origins" && s.form.word != "urls" || group && s.form.word != "points" {
			return l.named(s.name), l.file, "want one value, not a list or a group"
		}
		return l.named(s.name), l.file, s.form.read(value, field)
	}
	return "", "", ""
}

// written is a value as an operator would write it on the command line. Lists and groups of plain values are written with
// commas.
func written(v any) (text string, ok bool) {
	switch v := v.(type) {
	case nil: // `key:` with nothing behind it
		return "", true
	case []any:
		var parts []string
		for _, e := range v {
			part, ok := written(e)
			if !ok {
				return "", false
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, ","), true
	case map[string]any:
		var parts []string
		for name, e := range v {
			part, ok := written(e)
			if !ok {
				return "", false
			}
			parts = append(parts, name+"="+part)
		}
		slices.Sort(parts)
		return strings.Join(parts, ","), true
	case string, bool, int, int64, uint64, float64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// secretLimit bounds a file with a secret: whoever names another file by mistake should be told so.
const secretLimit = 64 << 10

// secretIn reads a secret from its file. The line break that editors put behind it is not part of it.
func secretIn(path string) (value, wrong string) {
	f, err := os.Open(path)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return "", "cannot open the file that holds it, " + path + ": " + err.Error()
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, secretLimit+1))
	switch raw = bytes.TrimRight(raw, "\r\n"); {
	case err != nil:
		return "", "cannot read the file that holds it, " + path
	case len(raw) == 0:
		return "", path + " is empty: write the value into it"
	case len(raw) > secretLimit || bytes.ContainsAny(raw, "\r\n\x00"):
		return "", path + " holds more than one line: write the value into it, and nothing else"
	}
	return string(raw), ""
}

// layersOf are the sources from lowest to highest.
func layersOf(flags *pflag.FlagSet, environ []string) (layers []layer, errs []error) {
	if path := configFile(flags, environ); path != "" {
		k, err := fileLayer(path)
		errs = append(errs, err...)
		layers = append(layers, layer{k, func(key string) string { return path + ": " + key }, path})
	}
	keys := map[string]string{} // by environment variable
	for _, s := range settings {
		keys[variable(s.name)] = s.name
		if s.secret {
			keys[variable(s.name+FileSuffix)] = s.name + FileSuffix
		}
	}
	environment := koanf.New(".")
	known := func(name, value string) (string, any) { return keys[name], value } // none: CLOAKROOM_CONFIG, and variables of the tests
	if err := environment.Load(env.Provider(".", env.Opt{Prefix: EnvPrefix, TransformFunc: known, EnvironFunc: func() []string { return environ }}), nil); err != nil {
		errs = append(errs, fmt.Errorf("configuration from the environment: %w", err))
	}
	layers = append(layers, layer{environment, variable, ""})
	line := koanf.New(".")
	changed := posflag.ProviderWithFlag(flags, ".", line, func(f *pflag.Flag) (string, any) {
		if _, _, ok := settingOf(f.Name); !ok || !f.Changed {
			return "", nil
		}
		return f.Name, f.Value.String()
	})
	if err := line.Load(changed, nil); err != nil {
		errs = append(errs, fmt.Errorf("configuration from flags: %w", err))
	}
	return append(layers, layer{line, func(key string) string { return "--" + key }, ""}), errs
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

var lineOf = regexp.MustCompile(`: line [0-9]+`)

func fileLayer(path string) (*koanf.Koanf, []error) {
	k, raw := koanf.New("."), koanf.New(".")
	if err := raw.Load(file.Provider(path), yaml.Parser()); err != nil {
		var missing *os.PathError
		if errors.As(err, &missing) {
			return k, []error{fmt.Errorf("configuration file %s: %w", path, missing.Err)}
		}
		// Not the parser's words: they quote what is written there.
		return k, []error{fmt.Errorf("configuration file %s: this is not a YAML file of settings%s", path, lineOf.FindString(err.Error()))}
	}
	// Through the names, so that `keys.dsn: …` is the same as `keys: {dsn: …}`.
	if err := k.Load(confmap.Provider(raw.All(), "."), nil); err != nil {
		return k, []error{fmt.Errorf("configuration file %s: %w", path, err)}
	}
	var errs []error
	for _, key := range k.Keys() {
		if _, _, ok := settingOf(key); !ok && !strings.HasPrefix(key, "limits.roles.") {
			errs = append(errs, fmt.Errorf("configuration file %s: there is no setting %q; `cloakroom config schema` tells which there are", path, key))
		}
	}
	return k, errs
}
