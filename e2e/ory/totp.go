package ory

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 asks for it, and so do all authenticators
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

// oneTime is the time-based one-time password of RFC 6238 with six digits and thirty seconds.
func oneTime(secret string, at time.Time) (string, error) {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil || len(key) == 0 {
		return "", fmt.Errorf("the secret of a second factor is not base32")
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, uint64(at.Unix()/30)) // a hash takes everything
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000), nil
}
