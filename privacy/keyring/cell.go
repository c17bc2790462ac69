package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// A cell is
//
//	version (1 byte) | nonce (12) | ciphertext, a multiple of 16 bytes | tag (16)
//
// Version 1 is AES-256-GCM with a random nonce (NIST SP 800-38D §8.2.2). One key seals the cells of one person: some
// thousands, where 2^32 would be allowed. The associated data bind the cell to its place. Another algorithm gets another
// version: cells of both are read, and what is written again is written in the new one.
const (
	cellVersion  = 1
	nonceSize    = 12
	tagSize      = 16
	smallestCell = 1 + nonceSize + 16 + tagSize
	keySize      = 32
)

// place is the first part of a cell's associated data: its version, table and field, each with its length before it, so that
// no two places are written alike.
func place(f *ir.Field) []byte {
	b := []byte{cellVersion}
	for _, s := range []string{f.Owner.Table, f.PlainColumn()} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	return b
}

// bind writes the associated data of a cell.
func bind(dst, place []byte, row, subject uuid.UUID) []byte {
	return append(append(append(dst, place...), row[:]...), subject[:]...)
}

// sealCell encrypts a storage value.
func sealCell(aead cipher.AEAD, ad []byte, v any) ([]byte, error) {
	plain, err := format.AppendPlain(make([]byte, 0, 64), v)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	cell := make([]byte, 1+nonceSize, 1+nonceSize+len(plain)+tagSize)
	cell[0] = cellVersion
	if _, err := rand.Read(cell[1:]); err != nil {
		return nil, err
	}
	return aead.Seal(cell, cell[1:1+nonceSize], plain, ad), nil
}

// Why a cell does not open.
var (
	errVersion = errors.New("unknown version")
	errLength  = errors.New("cut short")
	errNoKey   = errors.New("its key is missing, and was not destroyed: is the keys database older than the data?")
	errForeign = errors.New("changed, or from another place")
)

// openCell decrypts a cell to the bytes of format.AppendPlain, behind dst.
func openCell(dst []byte, aead cipher.AEAD, ad, cell []byte) ([]byte, error) {
	switch {
	case len(cell) == 0 || cell[0] != cellVersion:
		return nil, errVersion
	case len(cell) < smallestCell:
		return nil, errLength
	}
	plain, err := aead.Open(dst, cell[1:1+nonceSize], cell[1+nonceSize:], ad)
	if err != nil {
		return nil, errForeign
	}
	return plain, nil
}

// newAEAD is AES-256-GCM with the key, which is wiped: the cipher has its own form of it.
func newAEAD(key []byte) (cipher.AEAD, error) {
	defer clear(key)
	if len(key) != keySize {
		return nil, fmt.Errorf("a key of %d bytes, want %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	defer wipe(block) // GCM has a copy
	return cipher.NewGCM(block)
}

// wipe overwrites a cipher with zeros. The standard library has no word for it; a cipher is a pointer to its expanded key.
func wipe(cipher any) {
	if v := reflect.ValueOf(cipher); v.Kind() == reflect.Pointer && !v.IsNil() {
		v.Elem().SetZero()
	}
}

// wrapKey encrypts a key under another one, bound to what it is for.
func wrapKey(by cipher.AEAD, key []byte, ad string) ([]byte, error) {
	out := make([]byte, nonceSize, nonceSize+len(key)+tagSize)
	if _, err := rand.Read(out); err != nil {
		return nil, err
	}
	return by.Seal(out, out[:nonceSize], key, []byte(ad)), nil
}

func unwrapKey(by cipher.AEAD, wrapped []byte, ad string) ([]byte, error) {
	if len(wrapped) != nonceSize+keySize+tagSize {
		return nil, errLength
	}
	key, err := by.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], []byte(ad))
	if err != nil {
		return nil, errForeign
	}
	return key, nil
}

// newKey is a fresh key.
func newKey() ([]byte, error) {
	key := make([]byte, keySize)
	_, err := rand.Read(key)
	return key, err
}
