package doctor

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// settingsOf tells what is wrong with settings, each by itself.
func settingsOf(wrong error) []Finding {
	all := []error{wrong}
	if joined, ok := wrong.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	var out []Finding
	for _, err := range all {
		out = append(out, Finding{"settings", Fail, err.Error(), "`cloakroom config print` says where each comes from; nothing else was looked at"})
	}
	return out
}

func (p *patient) settings(_ context.Context, tell teller) {
	tell("settings", OK, "they are valid and fit each other", "")
	places := p.Secrets()
	if len(places) == 0 {
		tell("secrets", OK, "no setting has a password in it", "")
		return
	}
	for _, s := range places {
		switch {
		case s.Line:
			tell("secrets", Warn, s.Setting+" is on the command line, which every user of the machine can read", "put it into a file, and name that with --"+s.Setting+server.FileSuffix)
		case s.File != "":
			if info, err := os.Stat(s.File); err == nil && info.Mode().Perm()&0o006 != 0 {
				tell("secrets", Warn, fmt.Sprintf("%s holds %s, and every user of the machine can read it (mode %04o)", s.File, s.Setting, info.Mode().Perm()), "chmod 600 "+s.File)
			}
		}
	}
	tell("secrets", OK, "those with passwords are not open to everybody", "")
}

func (p *patient) identity(_ context.Context, tell teller) {
	if p.Config.Identity != "dev" {
		tell("identity", OK, "sessions of Ory Kratos say who asks", "")
		return
	}
	if err := identity.CheckDev(p.Config.Data); err != nil {
		tell("identity", Fail, err.Error(), "mend the file, or have a new one made")
		return
	}
	if u, err := url.Parse(p.Config.PublicURL); err == nil && p.Config.PublicURL != "" && !loopback(u.Hostname()) {
		tell("identity", Warn, "the development identity is for one machine: nobody is answered who comes by the name in public-url", "identity=kratos is for other people")
		return
	}
	tell("identity", OK, "development identity: whoever can read the data directory can be anybody; for one machine, on loopback", "")
}

// loopback judges the host as written.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || ip != nil && ip.IsLoopback()
}

// inTheClear tells of the way to a service at url that others can read.
func inTheClear(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "http" && !loopback(u.Hostname())
}

// rest tells one thing of all that is left.
func rest(tell teller, names []string, state State, says, remedy string) {
	for _, name := range names {
		tell(name, state, says, remedy)
	}
}
