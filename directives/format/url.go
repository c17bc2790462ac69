package format

import (
	"net/url"
	"strings"
)

const wantURL = "an absolute http or https address such as https://example.com/"

// URL normalises an absolute http or https address: scheme and host in lower case. One that carries a user name or
// password is refused: a credential would be stored where nobody looks for one (RFC 9110 §4.2.4).
func URL(s string) (string, error) {
	s = strings.TrimSpace(s)
	if len(s) > 2048 {
		return "", fail("too long for a web address", "at most 2048 bytes")
	}
	if strings.ContainsAny(s, " \t\n\"<>\\^`{|}") {
		return "", fail("not a web address", wantURL)
	}
	u, err := url.Parse(s)
	// net/url quotes the address in its error, so that error goes no further.
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", fail("not a web address", wantURL)
	}
	if u.User != nil {
		return "", fail("carries a user name or password", wantURL)
	}
	u.Host = strings.ToLower(u.Host)
	return u.String(), nil
}
