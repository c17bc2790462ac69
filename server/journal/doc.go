// Package journal keeps personal data out of the log, by the type of what is logged.
//
//	log := slog.New(journal.Handler(slog.NewJSONHandler(os.Stderr, nil)))
//	log.Error("operation failed", "err", err)   // the cause, without what it quotes
//	log.Info("read", "row", row)                // row=[withheld]
//
// Texts, numbers, times, identifiers and errors are written; of any other type only that it was there. A text is what somebody made a
// string on purpose; a record or a request never is one. Errors are told by Cause, because databases and parsers quote the value
// they do not like: PostgreSQL says "Key (email)=(…) already exists".
//
// Logs are kept longer, copied further and read by more people than the data itself (GDPR Art. 5(1)(c) and (e)).
package journal
