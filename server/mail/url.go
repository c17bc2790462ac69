package mail

import (
	"errors"
	"net"
	"net/url"
	"strconv"
)

// Target is a mail server.
type Target struct {
	Host string
	Port int
	// TLS is whether the connection is encrypted from its first byte (RFC 8314), or else by STARTTLS.
	TLS bool

	user, password string
}

// Parse reads the URL of a mail server:
//
//	smtp://user:password@host:587    STARTTLS; without a port 587
//	smtps://user:password@host:465   TLS from the first byte; without a port 465
//
// The way there is encrypted, with a certificate that is valid for the host; to loopback it need not be. No error repeats the URL: there
// may be a password in it.
func Parse(raw string) (t Target, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
		return t, errors.New("want smtp:// or smtps:// and a host; user and password are percent-encoded")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return t, errors.New("want nothing behind host and port")
	}
	t = Target{Host: u.Hostname(), Port: 587, TLS: u.Scheme == "smtps", user: u.User.Username()}
	t.password, _ = u.User.Password()
	if t.TLS {
		t.Port = 465
	}
	if port := u.Port(); port != "" {
		if t.Port, err = strconv.Atoi(port); err != nil || t.Port < 1 || t.Port > 65535 {
			return t, errors.New("want a port from 1 to 65535")
		}
	}
	if (t.user == "") != (t.password == "") {
		return t, errors.New("want user and password, or neither")
	}
	return t, nil
}

// local reports whether the way to the server does not leave this machine.
func (t Target) local() bool {
	ip := net.ParseIP(t.Host)
	return t.Host == "localhost" || ip != nil && ip.IsLoopback()
}
