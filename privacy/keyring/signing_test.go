package keyring_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/keyringtest"
)

// signed signs a message, and returns the public key that verifies it.
func signed(t *testing.T, k *keyring.Keyring, message string) (ed25519.PublicKey, []byte) {
	t.Helper()
	s, err := k.Signer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.Sign(nil, []byte(message), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	public := s.Public().(ed25519.PublicKey)
	if !ed25519.Verify(public, []byte(message), sig) {
		t.Fatal("the signature does not verify")
	}
	return public, sig
}

func TestSigningKeysAreMadeOnceAndRotate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if keys, err := w.SigningKeys(ctx); err != nil || len(keys) != 0 {
			t.Fatalf("before anything was signed there are %v, %v", keys, err)
		}
		other := w.again(t)
		var both sync.WaitGroup
		for _, k := range []*keyring.Keyring{w.Keyring, other} {
			both.Go(func() {
				if _, err := k.Signer(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		first, sig := signed(t, w.Keyring, "hello")
		if again, same := signed(t, other, "hello"); !first.Equal(again) || !bytes.Equal(sig, same) {
			t.Fatal("two processes sign with different keys")
		}
		next, err := w.RotateSigner(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Follow(ctx); err != nil {
			t.Fatal(err)
		}
		for _, k := range []*keyring.Keyring{w.Keyring, other, w.again(t)} {
			if now, _ := signed(t, k, "hello"); !now.Equal(next.Public) || now.Equal(first) {
				t.Error("a process signs with the old key")
			}
			keys, err := k.SigningKeys(ctx)
			if err != nil || len(keys) != 2 {
				t.Fatalf("%v, %v", keys, err)
			}
			if !keys[0].Public.Equal(next.Public) || !keys[0].Retired.IsZero() || !keys[1].Public.Equal(first) || !keys[1].Retired.Equal(next.Made) {
				t.Errorf("the keys are %+v", keys)
			}
			if !ed25519.Verify(keys[1].Public, []byte("hello"), sig) {
				t.Error("what the old key signed does not verify any more")
			}
		}
	})
}

// A process that is not told takes the new key up by itself, and signs nothing while it cannot know whether there is one.
func TestASignerIsNeverOld(t *testing.T) {
	w := open(t, "postgres")
	var keys = keyringtest.Store(t, w.keys)
	other := w.again(t, func(c *keyring.Config) { c.Keys = keys })
	first, _ := signed(t, other, "x")
	next, err := w.RotateSigner(ctx)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond) // Settle is 1 ms here
	if now, _ := signed(t, other, "x"); now.Equal(first) || !now.Equal(next.Public) {
		t.Error("it signs with the old key")
	}
	if err := keys.DB.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	if _, err := other.Signer(ctx); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("without the keys database: %v", err)
	}
	if _, err := other.SigningKeys(ctx); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("without the keys database: %v", err)
	}
}

// Rewrapping takes signing keys along: the old version of the key-encryption key can go, and everything verifies as before.
func TestSigningKeysAreRewrapped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, sig := signed(t, w.Keyring, "x")
		next, err := w.RotateSigner(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
		if err := w.Retire(ctx, 1); !errors.Is(err, keyring.ErrInUse) {
			t.Fatalf("retired what still wraps a signing key: %v", err)
		}
		if _, err := w.Rewrap(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.Retire(ctx, 1); err != nil {
			t.Fatal(err)
		}
		other := w.again(t)
		if now, _ := signed(t, other, "x"); !now.Equal(next.Public) {
			t.Error("another key signs")
		}
		keys, err := other.SigningKeys(ctx)
		if err != nil || len(keys) != 2 || !keys[1].Public.Equal(first) || !ed25519.Verify(keys[1].Public, []byte("x"), sig) {
			t.Errorf("%v, %v", keys, err)
		}
	})
}

// Whoever can write to the keys database adds no key, moves none, and changes no time.
func TestForgedSigningKeysAreLeftOut(t *testing.T) {
	foreign, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func(t *testing.T, w *world, exec func(string, ...any)){
		"a key of their own": func(_ *testing.T, _ *world, exec func(string, ...any)) {
			exec(`INSERT INTO keyring_signers SELECT 7, kek_version, CAST(? AS BLOB), created_at, retired_at FROM keyring_signers WHERE version = 1`, append(append(make([]byte, 12), foreign...), make([]byte, 16)...))
		},
		"an old key as another one": func(_ *testing.T, _ *world, exec func(string, ...any)) {
			exec(`INSERT INTO keyring_signers SELECT 7, kek_version, wrapped, created_at, retired_at FROM keyring_signers WHERE version = 1`)
		},
		"an old key that retires later": func(_ *testing.T, _ *world, exec func(string, ...any)) {
			exec(`UPDATE keyring_signers SET retired_at = '2099-01-01 00:00:00+00:00' WHERE version = 1`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, "sqlite")
			signed(t, w.Keyring, "x")
			if _, err := w.RotateSigner(ctx); err != nil {
				t.Fatal(err)
			}
			db := keyringtest.Store(t, w.keys)
			forge(t, w, func(query string, args ...any) {
				if _, err := db.DB.ExecContext(ctx, query, args...); err != nil {
					t.Fatal(err)
				}
			})
			k := w.again(t)
			keys, err := k.SigningKeys(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range keys {
				if s.Version == 7 || s.Retired.Year() == 2099 || s.Public.Equal(foreign) {
					t.Errorf("a forged key is believed: %+v", s)
				}
			}
			if !strings.Contains(w.log.String(), "signing_key_rejected") {
				t.Error("nothing is logged")
			}
		})
	}
	t.Run("an active key that does not open", func(t *testing.T) {
		w := open(t, "sqlite")
		signed(t, w.Keyring, "x")
		if _, err := keyringtest.Store(t, w.keys).DB.ExecContext(ctx, `UPDATE keyring_signers SET wrapped = zeroblob(60)`); err != nil {
			t.Fatal(err)
		}
		if _, err := w.again(t).Signer(ctx); !errors.Is(err, keyring.ErrUnavailable) || !strings.Contains(err.Error(), "restore the keys database") {
			t.Errorf("%v", err)
		}
	})
}

// The secret half is nowhere in the clear: not beside the wrapped one, and after a rotation not even wrapped.
func TestTheSecretHalfIsWrapped(t *testing.T) {
	w := open(t, "sqlite")
	s, err := w.Signer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	seed := keyring.SeedOf(s)
	var before []byte
	db := keyringtest.Store(t, w.keys)
	if err := db.DB.QueryRowContext(ctx, `SELECT wrapped FROM keyring_signers`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RotateSigner(ctx); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{w.keys, w.keys + "-wal"} {
		b, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(b, seed) {
			t.Errorf("%s has the secret half", file)
		}
		if bytes.Contains(b, before) {
			t.Errorf("%s has the wrapped secret half of a retired key", file)
		}
	}
	if strings.Contains(w.log.String(), string(seed)) {
		t.Error("the log has it")
	}
}

// A signature made while the key is wiped is not handed out.
func TestADisturbedSignatureIsKeptBack(t *testing.T) {
	w := open(t, "sqlite")
	k := w.again(t)
	s, err := k.Signer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
	if sig, err := s.Sign(nil, []byte("x"), crypto.Hash(0)); !errors.Is(err, keyring.ErrUnavailable) || sig != nil {
		t.Errorf("%x, %v", sig, err)
	}
	if _, err := k.Signer(ctx); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
}
