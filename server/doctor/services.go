package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/cloakroom-crm/cloakroom/server/identity"
	"github.com/cloakroom-crm/cloakroom/server/mail"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

// oldestRedis is the first one with all that is asked of it.
const oldestRedis = 7

func (p *patient) redis(ctx context.Context, tell teller) {
	if p.Config.Redis == "" {
		tell("redis", Skip, "none is set: right for one replica", "")
		return
	}
	t, err := shared.Parse(p.Config.Redis)
	if err != nil {
		tell("redis", Fail, err.Error(), "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	s, err := shared.LookAt(ctx, t, p.log)
	if err != nil {
		tell("redis", Fail, err.Error(), "start it, or see that URL, user and password in the setting `redis` are right; a server does not start without it")
		return
	}
	major, _, _ := strings.Cut(s.Version, ".")
	n, err := strconv.Atoi(major)
	addrs, encrypted := t.Hosts()
	says := "Redis " + s.Version + ", policy " + s.Policy
	switch {
	case err == nil && n < oldestRedis:
		tell("redis", Fail, says+" is too old", "want 7.0 or newer")
	case s.Role == "slave":
		tell("redis", Fail, says+" is a replica, which cannot be written to", "name the master, or its sentinels: redis-sentinel://")
	case s.CannotSave:
		tell("redis", Warn, says+": it cannot save to its disk, and may refuse to write", "mend the disk, or turn saving off: nothing there has to be kept")
	case s.Memory > 0 && s.Policy == "noeviction" && s.Used > s.Memory/10*9:
		tell("redis", Warn, says+": its memory is nearly full, and then limits count for each replica alone", "give it more memory, or maxmemory-policy volatile-ttl: everything of ours has an end")
	case !encrypted && !allLocal(addrs):
		tell("redis", Warn, says+": the password travels in the clear", "rediss:// in the setting `redis`")
	default:
		tell("redis", OK, says+"; nothing there has to be kept", "")
	}
}

func allLocal(addrs []string) bool {
	for _, a := range addrs {
		if host, _, err := net.SplitHostPort(a); err != nil || !loopback(host) {
			return false
		}
	}
	return true
}

func (p *patient) kratos(ctx context.Context, tell teller) {
	if p.Config.Identity != "kratos" {
		tell("kratos", Skip, "identity="+p.Config.Identity+" asks none", "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	at := p.Config.Kratos.URL
	switch err := identity.PublicKratos(ctx, at); {
	case err != nil:
		tell("kratos", Fail, at+": "+err.Error(), "start it, or see that kratos.url is right; until then nobody is let in")
	case inTheClear(at):
		tell("kratos", Warn, at+": sessions travel in the clear", "https:// in the setting `kratos.url`")
	default:
		tell("kratos", OK, "its public API answers", "")
	}
}

func (p *patient) kratosAdmin(ctx context.Context, tell teller) {
	at := p.Config.Kratos.Admin
	if at == "" {
		tell("kratos admin", Skip, "kratos.admin is not set: only `cloakroom sessions revoke` asks it", "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	version, err := identity.AdminKratos(ctx, at)
	switch {
	case err != nil:
		tell("kratos admin", Fail, at+": "+err.Error(), "start it, or see that kratos.admin is right; until then `cloakroom sessions revoke` does nothing")
	case inTheClear(at):
		tell("kratos admin", Warn, "Ory Kratos "+version+" at "+at+": whoever is on the way can change who somebody is", "https:// in the setting `kratos.admin`")
	default:
		tell("kratos admin", OK, "Ory Kratos "+version, "")
	}
}

func (p *patient) oidc(ctx context.Context, tell teller) {
	c := p.Config.OIDC
	if p.Config.Identity != "kratos" || c.Issuer == "" {
		tell("oidc", Skip, "no JWT of API clients is accepted", "")
		return
	}
	o, err := identity.NewOIDC(identity.OIDCConfig{Issuer: c.Issuer, Audience: c.Audience, JWKS: c.JWKS, Role: c.Role, Timeout: answerLimit})
	if err != nil {
		tell("oidc", Fail, err.Error(), "")
		return
	}
	n, err := o.Ready(ctx)
	if err != nil {
		var timeout net.Error
		says := err.Error()
		if errors.As(err, &timeout) && timeout.Timeout() {
			says = c.JWKS + " does not answer"
		}
		tell("oidc", Fail, says, "see that oidc.jwks is the URL of the issuer's keys; until then API clients are not let in")
		return
	}
	tell("oidc", OK, fmt.Sprintf("the issuer has %d keys to sign with", n), "")
}

func (p *patient) mail(ctx context.Context, tell teller) {
	c := p.Config.Mail
	if c.URL == "" {
		tell("mail", Skip, "mail.url is not set: nobody is asked for consent by mail", "")
		return
	}
	target, err := mail.Parse(c.URL)
	if err != nil {
		tell("mail", Fail, err.Error(), "")
		return
	}
	sender, err := mail.NewSender(target, c.From)
	if err != nil {
		tell("mail", Fail, err.Error(), "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	if err := sender.Reach(ctx); err != nil {
		tell("mail", Warn, err.Error(), "start it, or see that the URL in the setting `mail.url` is right; until then mails wait, and everything else is answered")
		return
	}
	tell("mail", OK, "the mail server takes mails; links lead to "+p.Config.Origin(), "")
}
