package receipt

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // refuses members that appear twice, and knows small letters from capital ones
)

// Errors of Verify.
var (
	// ErrNotGenuine: it is not what was signed, or not signed by whom it should be.
	ErrNotGenuine = errors.New("the receipt is not genuine")
	// ErrUnknown: it cannot be told.
	ErrUnknown = errors.New("it cannot be told whether the receipt is genuine")
)

// Proof is a receipt that is genuine.
type Proof struct {
	Receipt Receipt
	Key     Key // that signed it
}

// maxText bounds what is looked at.
const maxText = 64 << 10

// late is how long after its retirement a key may have signed: other processes learn of it a little later, by clocks of their own.
const late = 5 * time.Minute

// header is all that a receipt's header has, in the order it has it.
type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

// Verify reads a receipt and verifies it with the keys. ErrNotGenuine with the reason when it is none of theirs.
func Verify(text string, keys Set) (Proof, error) {
	if len(text) > maxText {
		return Proof{}, notGenuine("it is longer than a receipt can be")
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return Proof{}, notGenuine("it is no signed document (compact JWS)")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		// Strict, and without the line breaks Go reads over: else there are several texts of one receipt.
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return Proof{}, notGenuine("it is damaged (base64url)")
		}
	}
	id, err := keyID(decoded[0])
	if err != nil {
		return Proof{}, err
	}
	key, ok := keys.find(id)
	if !ok {
		return Proof{}, notGenuine("it is not signed with any of these keys; if they are older than the receipt, get them anew")
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return Proof{}, notGenuine("its header is not that of a receipt")
	}
	payload, err := signed.Verify(key.Public)
	if err != nil {
		return Proof{}, notGenuine("it was changed after it was signed, or signed with another key")
	}
	r, err := decode(payload)
	if err != nil {
		return Proof{}, err
	}
	at, err := time.Parse(timeForm, r.Event.Time)
	if err != nil {
		return Proof{}, notGenuine("its time is malformed")
	}
	if !key.Retired.IsZero() && at.After(key.Retired.Add(late)) {
		return Proof{}, notGenuine("it tells of something that happened when its key had been retired, on " + key.Retired.UTC().Format(time.DateOnly))
	}
	return Proof{Receipt: r, Key: key}, nil
}

// keyID reads a header in its one form. Another member (`jwk`, `jku`, `x5c`, `crit`, `b64`), or another algorithm, is another thing than a
// receipt.
func keyID(text []byte) (string, error) {
	var h header
	if err := json.Unmarshal(text, &h); err == nil && h.Alg == string(jose.EdDSA) && h.Typ == kind {
		if again, err := json.Marshal(h); err == nil && bytes.Equal(again, text) {
			return h.Kid, nil
		}
	}
	return "", notGenuine("its header is not that of a receipt")
}

func notGenuine(why string) error { return fmt.Errorf("%s: %w", why, ErrNotGenuine) }
