package rootkey

import "errors"

// Errors a caller can act on.
var (
	// ErrWrongKey: this root did not wrap the key, or wrapped it with other associated data.
	ErrWrongKey = errors.New("not wrapped by this root key, or for another place")
	// ErrUnreachable: the key service does not answer, or refuses us. Trying again later may help.
	ErrUnreachable = errors.New("the key service does not answer or refuses us")
	// ErrMissing: the root key is not where the URI says.
	ErrMissing = errors.New("the root key is not there")
	// ErrExposed: others can read the root key.
	ErrExposed = errors.New("the root key is open to others")
	// ErrDamaged: the file is not a keyset.
	ErrDamaged = errors.New("the root key file is damaged")
	// ErrUnfit: what the URI names does not do what a root key must.
	ErrUnfit = errors.New("this cannot be a root key")
)
