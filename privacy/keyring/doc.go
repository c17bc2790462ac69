// Package keyring holds the keys of people, and seals what is kept about them (GDPR Art. 32(1)(a); NIST SP 800-57 for the
// terms, SP 800-38D for the cipher).
//
// # The keys
//
//	root key              in a key service: a file, Vault or OpenBao, AWS KMS (package rootkey)
//	  key-encryption key  versioned, in the keys database, wrapped by the root; unwrapped once, at the first need
//	    data key          one per person, in the keys database, wrapped by a key-encryption key
//	      cell            in the data, AES-256-GCM under the data key of the person it is about
//	    signing key       Ed25519, versioned; signs what the house says, and its public half is published
//	    index key         versioned; HMAC-SHA-256 with it tells equal values of a field from others: the blind index
//
// # Against whom
//
// A thief with the database, its log, its backups, a replica or a dump has cells and wrapped keys, and opens neither. Whoever
// can write to the database can not move a cell: it is bound to its table, field, row and person, so a cell that was swapped,
// cut short or taken from elsewhere does not open, is reported as a security event, and is withheld. What a thief can see is
// which cells are empty, about how long values are (in steps of 16 bytes), and in fields with `find: EXACT` which are equal.
//
// # Destruction
//
// Destroying a person's key makes every cell about them unreadable for good, also in backups of the data that nobody can
// reach any more. The destruction is written into a ledger of its own, in another place than data and keys. Whatever is
// restored is compared with it before it is served: Replay.
//
//	k, err := keyring.Open(keyring.Config{…})
//	…
//	batch, err := k.Keys(ctx, subjects)         // one query, however many
//	plain, ok := batch.Open(nil, subject, row, field, cell)
//	err = k.Destroy(ctx, []policy.SubjectID{subject}, "request 4711")
package keyring
