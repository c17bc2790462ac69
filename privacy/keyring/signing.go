package keyring

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// What the house says about itself it signs (Ed25519, RFC 8032). There is one key that signs; those before it are retired: their
// secret halves are gone, and their public halves stay, because what they signed is still to be verified.
//
// A thief with the keys database cannot sign: the secret half is wrapped. Whoever can write to it cannot add a key either, nor
// change when one was made or retired: what is wrapped is bound to that, and a row that does not prove it is left out.

// SigningKey is the public half of a key.
type SigningKey struct {
	Version int64
	Public  ed25519.PublicKey
	Made    time.Time // to the second, as Retired
	Retired time.Time // zero: it signs
}

// bound is what the half that is kept is bound to.
func (s SigningKey) bound() string {
	if s.Retired.IsZero() {
		return fmt.Sprintf("cloakroom signing key 1 %d %d", s.Version, s.Made.Unix())
	}
	return fmt.Sprintf("cloakroom retired signing key 1 %d %d %d", s.Version, s.Made.Unix(), s.Retired.Unix())
}

// Signer returns the key that signs; the first call of all makes it. It is asked for again with each thing to sign: after a
// rotation every process has the new one within Config.Settle, or none. ErrUnavailable when keys cannot be had.
func (k *Keyring) Signer(ctx context.Context) (crypto.Signer, error) {
	keys, err := k.signing(ctx)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		if err := k.beginSigning(ctx); err != nil {
			return nil, unavailable("make the first signing key", err)
		}
		if keys, err = k.signing(ctx); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 || keys[0].err != nil || !keys[0].signs.Retired.IsZero() {
		return nil, unavailable("sign", errNoSigner)
	}
	return &signer{secret: keys[0]}, nil
}

// beginSigning makes the first key. Of two processes that do so at once one wins.
func (k *Keyring) beginSigning(ctx context.Context) error {
	s, err := k.newSigner(ctx, 1)
	if err == nil {
		err = s.insert(ctx, k.keys, k.d)
	}
	if isForeignKey(err) { // the version was retired while this process still believed in it
		k.seals.forget()
		if s, err = k.newSigner(ctx, 1); err == nil {
			err = s.insert(ctx, k.keys, k.d)
		}
	}
	k.signers.forget()
	return err
}

var errNoSigner = errors.New("the signing key does not open: restore the keys database from its backup")

// SigningKeys returns the public halves of all keys, the newest first; none before the first was needed.
func (k *Keyring) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	keys, err := k.signing(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]SigningKey, 0, len(keys))
	for _, s := range keys {
		if s.err == nil {
			out = append(out, s.signs)
		}
	}
	return out, nil
}

// signing returns the keys as they were at most Config.Settle ago.
func (k *Keyring) signing(ctx context.Context) ([]*secret, error) {
	if err := k.signers.within(ctx, k.c.Settle); err != nil {
		return nil, err
	}
	return k.signers.list(ctx)
}

// RotateSigner makes a new key that signs, and retires the one before. Its secret half is destroyed.
func (k *Keyring) RotateSigner(ctx context.Context) (SigningKey, error) {
	k.signers.forget()
	if _, err := k.Signer(ctx); err != nil { // there is something to retire
		return SigningKey{}, err
	}
	keys, err := k.signers.list(ctx)
	if err != nil {
		return SigningKey{}, err
	}
	old := keys[0].signs
	next, err := k.newSigner(ctx, old.Version+1)
	if err != nil {
		return SigningKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	old.Retired = next.signs.Made
	proof, err := wrapKey(next.kek.aead, old.Public, old.bound())
	if err != nil {
		return SigningKey{}, err
	}
	err = within(ctx, k.keys, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, k.d.sql(`UPDATE keyring_signers SET kek_version = ?, wrapped = ?, retired_at = ? WHERE version = ? AND retired_at IS NULL`),
			next.kek.version, proof, old.Retired, old.Version)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errors.New("somebody else did at the same time"), err)
		}
		return next.insert(ctx, tx, k.d)
	})
	if err != nil {
		return SigningKey{}, fmt.Errorf("rotate the signing key: %w", err)
	}
	if err := k.scrub(ctx, k.c.Keys); err != nil {
		return SigningKey{}, err
	}
	k.signers.forget()
	return next.signs, nil
}

// freshSigner is a key that is not in the database yet.
type freshSigner struct {
	policy.Withheld

	signs   SigningKey
	kek     *secret
	wrapped []byte
}

func (k *Keyring) newSigner(ctx context.Context, version int64) (s freshSigner, err error) {
	if s.kek, err = k.seals.current(ctx); err != nil {
		return s, err
	}
	now, err := k.now(ctx)
	if err != nil {
		return s, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return s, err
	}
	seed := private.Seed()
	defer clear(seed)
	clear(private)
	s.signs = SigningKey{Version: version, Public: public, Made: now.Truncate(time.Second)}
	s.wrapped, err = wrapKey(s.kek.aead, seed, s.signs.bound())
	return s, err
}

func (s freshSigner) insert(ctx context.Context, on Querier, d dialectOf) error {
	_, err := on.ExecContext(ctx, d.sql(`INSERT INTO keyring_signers (version, kek_version, wrapped, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`),
		s.signs.Version, s.kek.version, s.wrapped, s.signs.Made)
	return err
}

func (k *Keyring) loadSigners(ctx context.Context, old, known map[int64]*secret) error {
	type row struct {
		signs   SigningKey
		kek     int64
		wrapped []byte
	}
	var found []row
	err := each(ctx, k.keys, func(rows *sql.Rows) error {
		var r row
		var retired sql.NullTime
		if err := rows.Scan(&r.signs.Version, &r.kek, &r.wrapped, &r.signs.Made, &retired); err != nil {
			return err
		}
		r.signs.Made, r.signs.Retired = r.signs.Made.UTC(), retired.Time
		if retired.Valid {
			r.signs.Retired = retired.Time.UTC()
		}
		found = append(found, r)
		return nil
	}, `SELECT version, kek_version, wrapped, created_at, retired_at FROM keyring_signers`)
	if err != nil {
		return err
	}
	for _, r := range found {
		if have := old[r.signs.Version]; have != nil && bytes.Equal(have.wrapped, r.wrapped) && have.signs.bound() == r.signs.bound() {
			known[r.signs.Version] = have
			continue
		}
		kek, err := k.seals.version(ctx, r.kek)
		if err != nil {
			return err
		}
		key, err := unwrapKey(kek.aead, r.wrapped, r.signs.bound())
		if err != nil {
			k.c.Log.ErrorContext(ctx, "a signing key does not open and is left out", "event", "security", "kind", "signing_key_rejected", "version", r.signs.Version)
			known[r.signs.Version] = &secret{version: r.signs.Version, wrapped: r.wrapped, signs: r.signs, err: err} // logged once
			continue
		}
		s := &secret{version: r.signs.Version, wrapped: r.wrapped, signs: r.signs}
		if r.signs.Retired.IsZero() {
			private := ed25519.NewKeyFromSeed(key)
			clear(key)
			s.key, s.signs.Public = private, bytes.Clone(private[ed25519.PublicKeySize:])
		} else {
			s.signs.Public = key
		}
		known[s.version] = s
	}
	return nil
}

// rewrapSigners wraps the signing keys, and the proofs of those before, with a newer key-encryption key.
func (k *Keyring) rewrapSigners(ctx context.Context, current *secret) error {
	keys, err := k.signers.list(ctx)
	if err != nil {
		return err
	}
	for _, s := range keys {
		if s.err != nil {
			continue
		}
		half := []byte(s.signs.Public)
		if s.signs.Retired.IsZero() {
			half = ed25519.PrivateKey(s.key).Seed()
			defer clear(half)
		}
		wrapped, err := wrapKey(current.aead, half, s.signs.bound())
		if err != nil {
			return err
		}
		// A key that was retired in between is wrapped otherwise, and with the newest version.
		if _, err := k.keys.ExecContext(ctx, k.d.sql(`UPDATE keyring_signers SET kek_version = ?, wrapped = ? WHERE version = ? AND wrapped = ? AND kek_version < ?`),
			current.version, wrapped, s.version, s.wrapped, current.version); err != nil {
			return fmt.Errorf("wrap the signing key with version %d: %w", current.version, err)
		}
	}
	k.signers.forget()
	return nil
}

// signer signs with a key.
type signer struct {
	policy.Withheld

	secret *secret
}

// Public is an ed25519.PublicKey.
func (s *signer) Public() crypto.PublicKey { return s.secret.signs.Public }

// Sign signs a message, not a hash of one. A signature that was disturbed while it was made, by a failing memory or by Close, can give
// the key away to whoever has a good one of the same message: it is looked at before anybody gets it.
func (s *signer) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, errors.New("sign: want the message itself")
	}
	signature := ed25519.Sign(s.secret.key, message)
	if !ed25519.Verify(s.secret.signs.Public, message, signature) {
		return nil, unavailable("sign", errors.New("the key was wiped or damaged in memory"))
	}
	return signature, nil
}
