// Package store opens the database: a SQLite file for a start, PostgreSQL for real. It hands out the Ent client and the
// pool below it, and brings the database to the version the program was generated for.
//
//	s, err := store.Open(ctx, "sqlite:data/cloakroom.db")
//	…
//	err = s.Migrate(ctx)
//
// It promises that times are UTC on both databases, that foreign keys hold, that a SQLite file is readable by its owner
// alone (GDPR Art. 32), that a database written by a newer program is refused rather than guessed at, and that errors carry
// no credentials.
package store
