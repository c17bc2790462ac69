package house

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
)

// signingKeys are the keys of receipts.
type signingKeys struct{ *keyring.Keyring }

// VerifyKeys returns the public halves.
func (k signingKeys) VerifyKeys(ctx context.Context) (receipt.Set, error) {
	keys, err := k.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	set := receipt.Set{}
	for _, s := range keys {
		set = append(set, receipt.Key{Public: s.Public, Made: s.Made, Retired: s.Retired})
	}
	return set, nil
}

// ReceiptKeys returns the keys that receipts of this house are verified with.
func (h *House) ReceiptKeys(ctx context.Context) (receipt.Set, error) {
	set, err := h.Receipts.VerifyKeys(ctx)
	if err != nil {
		return nil, errors.New("keys of receipts: " + once(err.Error()))
	}
	return set, nil
}

// RotateReceiptKey makes the key that receipts are signed with from now on, and returns its id.
func (h *House) RotateReceiptKey(ctx context.Context) (id string, err error) {
	s, err := h.Keyring.RotateSigner(ctx)
	if err != nil {
		return "", err
	}
	return receipt.Key{Public: s.Public}.ID(), nil
}

// maxKeys bounds a set of keys that is read, in bytes.
const maxKeys = 1 << 20

// errPlainHTTP: whoever sits between could give keys of their own.
var errPlainHTTP = errors.New("keys are believed over https only: want https://…")

// ReceiptKeysAt reads the keys that somebody published, from a file or an https URL.
func ReceiptKeysAt(ctx context.Context, where string) (set receipt.Set, err error) {
	var text []byte
	if strings.Contains(where, "://") {
		text, err = fetchKeys(ctx, where)
	} else {
		text, err = readKeys(where)
	}
	if err == nil {
		set, err = receipt.ParseSet(text)
	}
	if err != nil {
		return nil, fmt.Errorf("keys of receipts, %s: %w", where, err)
	}
	return set, nil
}

func readKeys(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		var of *os.PathError
		if errors.As(err, &of) { // the path is said already
			err = of.Err
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return atMost(f)
}

func fetchKeys(ctx context.Context, where string) (text []byte, err error) {
	client := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 5 {
			return errors.New("too many redirects")
		}
		return private(r.URL)
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, errors.New("it is no URL")
	}
	if err := private(r.URL); err != nil {
		return nil, err
	}
	res, err := client.Do(r)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %d: is the address right, and are its keys to be had?", res.StatusCode)
	}
	return atMost(res.Body)
}

// private refuses a connection that somebody could change on the way. One to this machine is fine.
func private(u *url.URL) error {
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return errPlainHTTP
}

func atMost(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxKeys+1))
	if err == nil && len(text) > maxKeys {
		err = receipt.ErrKeys
	}
	return text, err
}
