// Package mail hands mails to a mail server (SMTP, RFC 5321). What it sends is plain text: nothing in it is loaded from elsewhere, so
// nobody is told who reads it when.
package mail
