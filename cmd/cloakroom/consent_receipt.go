package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

func newVerifyReceipt() *cobra.Command {
	var jwks, notice string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify-receipt [FILE|-]",
		Short: "say whether a receipt of consent is genuine, and what it proves",
		Long: `Say whether a receipt of consent is genuine, and what it proves: who recorded what, when, and under which notice. The receipt is
read from a file, or from standard input.

--jwks names the keys of whoever issued it: a file, so that nothing is asked of anybody, or an https URL. A server publishes its
keys at /.well-known/cloakroom/consent-jwks.json. Without it the keys of the data directory are taken.

--notice compares a text with the one the person was shown, byte for byte.

Exit code 0 means genuine; 1 not genuine, or another text than the one shown; 2 that it could not be told.`,
		Example: `  cloakroom consent verify-receipt receipt.txt
  cloakroom consent verify-receipt receipt.txt --jwks consent-jwks.json --notice notice-en.html
  cloakroom consent verify-receipt --json - < receipt.txt | jq .receipt.event`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return verifyReceipt(c, append(args, "-")[0], jwks, notice, asJSON)
		},
	}
	placeFlags(c)
	c.Flags().StringVar(&jwks, "jwks", "", "the issuer's keys: a file or an https URL; empty: those of the data directory")
	c.Flags().StringVar(&notice, "notice", "", "a file with the text that may be the one shown")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	_ = c.MarkFlagFilename("jwks", "json")
	_ = c.MarkFlagFilename("notice")
	return c
}

// verdict is what verify-receipt says.
type verdict struct {
	Genuine bool             `json:"genuine"`
	Why     string           `json:"why,omitempty"` // not
	Receipt *receipt.Receipt `json:"receipt,omitempty"`
	Key     *signedWith      `json:"key,omitempty"`
	Notice  string           `json:"notice,omitempty"` // same, other, or none where the receipt has no digest
}

type signedWith struct {
	ID      string     `json:"kid"`
	Made    *time.Time `json:"made,omitempty"`
	Retired *time.Time `json:"retired,omitempty"`
}

func verifyReceipt(c *cobra.Command, path, jwks, notice string, asJSON bool) error {
	text, err := readReceipt(c, path)
	if err != nil {
		return err
	}
	digest := ""
	if notice != "" {
		if digest, err = digestOf(notice); err != nil {
			return err
		}
	}
	keys, err := receiptKeys(c, jwks)
	if err != nil {
		return err
	}
	p, err := receipt.Verify(strings.TrimSpace(text), keys)
	if errors.Is(err, receipt.ErrNotGenuine) {
		why := strings.TrimSuffix(err.Error(), ": "+receipt.ErrNotGenuine.Error())
		if err := sayOr(c, asJSON, verdict{Why: why}, "NOT GENUINE: "+why); err != nil {
			return err
		}
		return errFindings
	}
	if err != nil {
		return err
	}
	v := verdict{Genuine: true, Receipt: &p.Receipt, Key: &signedWith{p.Key.ID(), orNever(p.Key.Made), orNever(p.Key.Retired)}}
	lines := append([]string{"GENUINE"}, p.Words()...)
	if digest != "" {
		var words string
		v.Notice, words = compareNotice(p.Receipt, digest)
		lines = append(lines, words)
	}
	if err := sayOr(c, asJSON, v, lines...); err != nil {
		return err
	}
	if v.Notice == "other" || v.Notice == "none" {
		return errFindings
	}
	return nil
}

// compareNotice says whether a text is the one shown.
func compareNotice(r receipt.Receipt, digest string) (answer, words string) {
	switch n := r.Processing.Notice; {
	case n == nil || n.SHA256 == "":
		return "none", "The receipt does not say which text was shown, so the file cannot be compared with it."
	case n.SHA256 != digest:
		return "other", "The file is NOT the text that was shown: its SHA-256 is " + digest + "."
	}
	return "same", "The file is the text that was shown, byte for byte."
}

func orNever(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// largestReceipt bounds what is read; what is larger is none.
const largestReceipt = 1 << 20

func readReceipt(c *cobra.Command, path string) (string, error) {
	f, _, err := openInput(c.Context(), path, c.InOrStdin())
	if err != nil {
		return "", err
	}
	_, err = f.Seek(0, io.SeekStart)
	text, failed := io.ReadAll(io.LimitReader(f, largestReceipt))
	if err := errors.Join(err, failed, f.Close()); err != nil {
		return "", fmt.Errorf("read the receipt: %w", err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return "", errors.New("there is no receipt: it is one line of letters with two dots, as the API gives it")
	}
	return string(text), nil
}

func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--notice: %w", err)
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("--notice: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// receiptKeys are the keys that somebody published, or those of the data directory, which is left as it is.
func receiptKeys(c *cobra.Command, jwks string) (receipt.Set, error) {
	if jwks != "" {
		return house.ReceiptKeysAt(c.Context(), jwks)
	}
	o, err := houseOptions(c)
	if err != nil {
		return nil, err
	}
	o.Existing, o.AsIs, o.Hold = true, true, true
	h, err := house.Open(c.Context(), o)
	if errors.Is(err, house.ErrNoDatabase) {
		return nil, fmt.Errorf("%w; or name the keys of whoever issued the receipt with --jwks", err)
	}
	if err != nil {
		return nil, err
	}
	keys, err := h.ReceiptKeys(c.Context())
	return keys, errors.Join(err, h.Close())
}
