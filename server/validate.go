package server

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// Problem is something wrong with a setting, in words that say what is wanted. It never repeats the value.
type Problem struct {
	Setting string
	Text    string
}

func (p Problem) Error() string { return p.Setting + ": " + p.Text }

// Validate reports everything that is wrong, not only the first.
func (c Config) Validate() error {
	var errs []error
	for _, p := range c.problems() {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

// problems are what is wrong with settings that do not fit each other. What is wrong with one alone is its form's to say.
func (c Config) problems() (all []Problem) {
	wrong := func(setting, text string) { all = append(all, Problem{setting, text}) }
	if host, _, err := net.SplitHostPort(c.Listen); c.Identity == "dev" && err == nil && !loopback(host) {
		wrong("listen", errNotLoopback.Error())
	}
	if c.Admin != "" && c.Admin == c.Listen && !freePort(c.Admin) {
		wrong("admin", "name another address than listen: health and metrics have a door of their own; empty for none")
	}
	if _, file := strings.CutPrefix(c.DatabaseURL(), "sqlite:"); len(c.ReadReplicas) > 0 && file {
		wrong("read-replicas", "name the PostgreSQL they are standbys of in database: a SQLite file has none")
	}
	if c.Identity == "kratos" && c.Kratos.URL == "" {
		wrong("kratos.url", "name the public API of Ory Kratos, which identity=kratos asks, for example http://127.0.0.1:4433")
	}
	if c.OIDC.Issuer != "" {
		if c.OIDC.Audience == "" {
			wrong("oidc.audience", "name the audience of the JWTs: without it a token that was made out for another service opens this one")
		}
		if c.OIDC.JWKS == "" {
			wrong("oidc.jwks", "name the URL of the issuer's keys")
		}
	}
	if c.Mail.URL != "" {
		if c.Mail.From == "" {
			wrong("mail.from", "name the address that mails are from, for example Example GmbH <privacy@example.com>")
		}
		if c.LinkOrigin() == "" {
			wrong("public-url", "name the origin that browsers use, for example https://crm.example.com: links in mails lead there")
		}
	}
	// Whoever can change the keys on the way can be anybody.
	if u, err := url.Parse(c.OIDC.JWKS); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		wrong("oidc.jwks", "want https: whoever can change the keys on their way can be anybody")
	}
	return all
}

// freePort reports whether any port will do.
func freePort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && port == "0"
}
