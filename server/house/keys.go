package house

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
)

// Errors of whoever looks after keys.
var (
	ErrVersionInUse = keyring.ErrInUse
	ErrNoReason     = errors.New("say why, for example with the number of the request: the ledger keeps it for good")
	ErrNames        = errors.New("the reason names somebody: it is kept for good, when everything else of the person is gone; name the request, not the person")
	errLongReason   = fmt.Errorf("want one line of at most %d characters", maxReason)
)

// maxReason bounds what is kept for good.
const maxReason = 200

// KeysStatus is the state of the keys, also when they cannot be had.
func (h *House) KeysStatus(ctx context.Context) (keyring.Status, error) {
	s, err := h.Keyring.Status(ctx)
	s.Root = h.root // as it was named, also when there is nothing there
	s.Problem = once(s.Problem)
	return s, err
}

// once is the text of an error in one line, without what was said before: each level of keys says that it could not be had.
func once(text string) string {
	var out []string
	for _, p := range strings.Split(strings.ReplaceAll(text, "\n", ": "), ": ") {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return strings.Join(out, ": ")
}

// OlderVersions are those of the key-encryption key that may be destroyed once nothing is wrapped with them.
func (h *House) OlderVersions(ctx context.Context) (newest int64, older []int64, err error) {
	s, err := h.Keyring.Status(ctx)
	if err != nil {
		return 0, nil, err
	}
	older = []int64{}
	for _, v := range s.Versions { // in their order
		if newest != 0 {
			older = append(older, newest)
		}
		newest = v.Version
	}
	return newest, older, nil
}

// Erasable returns the person that text names, as SubjectOf does, and whoever has or had a key: their rows may be gone.
func (h *House) Erasable(ctx context.Context, text string) (policy.SubjectID, error) {
	id, err := h.SubjectOf(ctx, text)
	if !errors.Is(err, ErrUnknownSubject) {
		return id, err
	}
	id, ok := ParseSubject(text)
	if !ok {
		return uuid.Nil, err
	}
	known, failed := h.Keyring.Knows(ctx, id)
	if failed != nil {
		return uuid.Nil, failed
	}
	if !known {
		return uuid.Nil, err
	}
	return id, nil
}

// CheckReason says what is wrong with the reason of an erasure. It cannot know every name, but an address or a number of a
// person is a mistake that is made in a hurry.
func CheckReason(because string) error {
	switch {
	case strings.TrimSpace(because) == "":
		return ErrNoReason
	case utf8.RuneCountInString(because) > maxReason, strings.ContainsFunc(because, unicode.IsControl):
		return errLongReason
	case strings.ContainsRune(because, '@'):
		return ErrNames
	}
	return nil
}

// ErrNotSeen says that what was erased may still be shown by a read that began before.
var ErrNotSeen = errors.New("their keys are destroyed, but a read that began before may still be under way: run the command again until it succeeds, or wait until every request of before has ended")

// Destroy destroys the keys of people for good, see keyring.Keyring.Destroy, and returns when no read that began before is under way;
// ErrNotSeen if that is not sure.
func (h *House) Destroy(ctx context.Context, because string, subjects ...policy.SubjectID) error {
	if err := CheckReason(because); err != nil {
		return err
	}
	if err := h.Keyring.Destroy(ctx, because, subjects...); err != nil || h.standby == nil {
		return err
	}
	if err := h.standby.Await(ctx, ""); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSeen, err)
	}
	return nil
}

// Sealing are the tables with values that are plain and to be sealed.
func (h *House) Sealing(s keyring.Status) []string {
	var out []string
	for _, m := range s.Moving {
		name, _, _ := strings.Cut(m.Field, ".")
		if t := h.Schema.Type(name); t != nil && m.To == "SEALED" && !slices.Contains(out, t.Table) {
			out = append(out, t.Table)
		}
	}
	return out
}

// ClosesBackups says what has to be done so that older backups of the keys database open no more, once a version of the
// key-encryption key was destroyed: they have that version too, wrapped with the root key as it was.
func (h *House) ClosesBackups() string {
	switch {
	case strings.HasPrefix(h.root, "file:"):
		return "older backups of the keys database open with older copies of the root key's file: destroy these, and back up the file as it is now"
	case strings.HasPrefix(h.root, "hcvault"):
		return "older backups of the keys database open until min_decryption_version of the transit key is above the version that wrapped them: rotate it, run rotate, rewrap and destroy, then raise it"
	}
	return "older backups of the keys database open for whoever may use the key in AWS KMS, which keeps its older versions: destroy the backups"
}

// Postgres reports whether the data lies in PostgreSQL, which keeps old versions of rows until it is told otherwise.
func (h *House) Postgres() bool { return h.store.Dialect == dialect.Postgres }
