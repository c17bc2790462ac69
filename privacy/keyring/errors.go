package keyring

import "errors"

// Errors a caller can act on.
var (
	// ErrDestroyed says that the person's key was destroyed. There is no way back.
	ErrDestroyed = errors.New("the person's key was destroyed")
	// ErrUnavailable says that keys cannot be had now: the key service or the keys database does not answer, or the root key
	// is not the one the keys were wrapped with. The cause says which.
	ErrUnavailable = errors.New("the keys are not available")
	// ErrLost says that there is sealed data and no key to it.
	ErrLost = errors.New("the keys database is empty, and the data is sealed: restore the keys database from its backup, or name it with --keys.dsn; new keys would open nothing")
	// ErrBulk says that an update of many rows at once would change sealed cells: each is bound to its row.
	ErrBulk = errors.New("sealed cells are changed row by row")
	// ErrMoved says that a row would become another person's by a change of its subject.
	ErrMoved = errors.New("a row's subject is changed by merging people, not by an update")
	// ErrTampered says that a stored cell does not open with the key and at the place it belongs to.
	ErrTampered = errors.New("the sealed cell does not belong here, or was changed")
	// ErrInUse says that a version of the key-encryption key still wraps something.
	ErrInUse = errors.New("the version is in use")
	// ErrOnHold says that a person's records are under a legal hold, which erasure has to wait for.
	ErrOnHold = errors.New("their records are under a legal hold: nothing was destroyed")
	// ErrHeld says that erasures have still to be carried out on what was restored.
	ErrHeld = errors.New("erasures are being carried out again on what was restored")
)
