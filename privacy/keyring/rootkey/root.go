package rootkey

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Root wraps key-encryption keys. It is safe for concurrent use.
type Root interface {
	// Wrap encrypts key, bound to ad. The result is for Unwrap of the same root; rotating the root keeps it readable.
	Wrap(ctx context.Context, key, ad []byte) ([]byte, error)
	// Unwrap returns a key that Wrap was given with the same ad. It fails with ErrWrongKey, ErrUnreachable or ErrMissing.
	// The caller wipes the key after use.
	Unwrap(ctx context.Context, wrapped, ad []byte) ([]byte, error)
	// String is the URI. It holds no credentials, so it may be printed and logged.
	String() string
}

// callLimit is how long wrapping or unwrapping takes at most, all requests to the service together. Longer than a
// service needs to choose a new leader would make an operator wait for nothing.
const callLimit = 10 * time.Second

const forms = "file:PATH, hcvault://HOST[:PORT]/MOUNT/keys/NAME or aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID"

// Open returns the root key that uri names. It looks at a file, but asks no service: Wrap and Unwrap do.
func Open(uri string) (Root, error) { return open(uri, callLimit) }

// Check says what is wrong with a URI as it is written. It looks at the text alone, and does not repeat it: a URI that is
// none may hold a password.
func Check(uri string) error {
	scheme, rest, ok := strings.Cut(uri, ":")
	var err error
	switch {
	case !ok:
		return errNoScheme
	case scheme == "file":
		_, err = parseFile(rest)
	case scheme == "hcvault", scheme == "hcvault+http":
		_, err = parseVault(uri)
	case scheme == "aws-kms":
		_, _, err = parseAWS(uri)
	default:
		return unknown(scheme)
	}
	return err
}

var errNoScheme = fmt.Errorf("root key: the URI has no scheme: want %s", forms)

// unknown is the error of a scheme that is not one of ours. What stands there may be anything, a password too.
func unknown(scheme string) error {
	if !schemes.MatchString(scheme) {
		return errNoScheme
	}
	return fmt.Errorf("root key: unknown scheme %q: want %s", scheme, forms)
}

func open(uri string, limit time.Duration) (Root, error) {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return nil, errNoScheme
	}
	switch scheme {
	case "file":
		return openFile(rest)
	case "hcvault", "hcvault+http":
		return openVault(uri, limit)
	case "aws-kms":
		return openAWS(uri, limit)
	}
	return nil, unknown(scheme)
}

var schemes = regexp.MustCompile(`^[a-z][a-z0-9+-]{0,15}$`)

var errEmptyKey = errors.New("there is no key to wrap")

// loopback judges the host as written.
func loopback(u *url.URL) bool {
	if u.Hostname() == "localhost" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}
