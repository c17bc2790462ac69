// Package mail is a mailbox for tests: it takes every message over SMTP on a free port of the loopback interface, and hands
// none on.
//
//	box, err := mail.Open()
//	… identity server told to send to box.Addr …
//	message, err := box.Wait(ctx, "ada@example.org")
package mail
