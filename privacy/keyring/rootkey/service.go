package rootkey

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// service is a root key that a key service holds.
type service struct {
	uri     string
	limit   time.Duration
	aead    tink.AEADWithContext
	binds   bool                // whether every version of the service binds associated data
	explain func(e error) error // what an error of aead means and what to do about it
}

func (s *service) String() string { return s.uri }

// Wrap proves its result before it returns it. The key will seal data at once, and is asked for from the service at the
// next start: a service that encrypts for us but does not decrypt would be found out when it is too late.
func (s *service) Wrap(ctx context.Context, key, ad []byte) ([]byte, error) {
	if len(key) == 0 {
		return nil, fmt.Errorf("root key %s: wrap: %w", s, errEmptyKey)
	}
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	wrapped, err := s.aead.EncryptWithContext(ctx, key, ad)
	if err != nil {
		return nil, fmt.Errorf("root key %s: wrap: %w", s, s.explain(err))
	}
	if err := s.prove(ctx, wrapped, key, ad); err != nil {
		return nil, fmt.Errorf("root key %s: read back what was wrapped: %w", s, err)
	}
	return wrapped, nil
}

func (s *service) Unwrap(ctx context.Context, wrapped, ad []byte) ([]byte, error) {
	if len(wrapped) == 0 {
		return nil, fmt.Errorf("root key %s: unwrap: %w", s, ErrWrongKey)
	}
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	key, err := s.unwrap(ctx, wrapped, ad)
	if err != nil {
		return nil, fmt.Errorf("root key %s: unwrap: %w", s, err)
	}
	return key, nil
}

func (s *service) unwrap(ctx context.Context, wrapped, ad []byte) ([]byte, error) {
	key, err := s.aead.DecryptWithContext(ctx, wrapped, ad)
	if err != nil {
		return nil, s.explain(err)
	}
	if len(key) == 0 { // what Tink makes of an answer without a body
		return nil, fmt.Errorf("%w: it answered without a key: mend the URI", ErrUnreachable)
	}
	return key, nil
}

func (s *service) prove(ctx context.Context, wrapped, key, ad []byte) error {
	got, err := s.unwrap(ctx, wrapped, ad)
	defer clear(got)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(got, key) != 1 {
		return fmt.Errorf("%w: the service gave back another key", ErrUnfit)
	}
	if s.binds {
		return nil
	}
	other := append([]byte("not "), ad...)
	got, err = s.unwrap(ctx, wrapped, other)
	defer clear(got)
	switch {
	case err == nil:
		return fmt.Errorf("%w: the service ignores associated data: it must be Vault 1.13 or OpenBao 2.0 at least", ErrUnfit)
	case errors.Is(err, ErrWrongKey):
		return nil
	}
	return err
}

// noAnswer explains an error that is not the service's.
func noAnswer(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: no answer in time: %w", ErrUnreachable, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
