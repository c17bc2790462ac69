package journal

import (
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Cause is what an error says, without what it quotes. Of an error of PostgreSQL that is its code and the names of the schema it
// carries: text, detail, hint and context repeat values of rows and of statements. Of all others what stands in quotation marks is
// left out, because that is how programs repeat what they were given.
//
// An error type that wants to be told differently has a method Cause() string.
func Cause(err error) (text string) {
	defer func() {
		if recover() != nil { // an error that cannot even be printed, such as a nil pointer in the interface
			text = withheld + " " + reflect.TypeOf(err).String()
		}
	}()
	text = err.Error()
	for _, e := range tree(err, nil) {
		var said string
		switch e := e.(type) { //nolint:errorlint // every error of the tree comes by itself
		case *pgconn.PgError:
			said = ofPostgres(e)
		case interface{ Cause() string }:
			said = e.Cause()
		default:
			continue
		}
		if whole := e.Error(); strings.Contains(text, whole) {
			text = strings.ReplaceAll(text, whole, said)
		} else { // somebody has put it differently: nobody knows what of it
			text = said
		}
	}
	return unquoted(text)
}

// Panic is what may be written of a panic: its type, and its text only when the runtime wrote it, because any other may quote a
// value.
func Panic(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v)
}

// tree is an error and what it wraps.
func tree(err error, all []error) []error {
	if err == nil || len(all) > 100 {
		return all
	}
	all = append(all, err)
	switch e := err.(type) { //nolint:errorlint // every error of the tree comes by itself
	case interface{ Unwrap() error }:
		return tree(e.Unwrap(), all)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = tree(inner, all)
		}
	}
	return all
}

// ofPostgres names code and place. What a class means: https://www.postgresql.org/docs/15/errcodes-appendix.html.
func ofPostgres(e *pgconn.PgError) string {
	text := fmt.Sprintf("postgres error %s", e.Code)
	for _, part := range []struct{ what, name string }{{"constraint", e.ConstraintName}, {"table", e.TableName}, {"column", e.ColumnName}, {"type", e.DataTypeName}} {
		if part.name != "" {
			text += " " + part.what + " " + part.name
		}
	}
	if words, ok := classes[e.Code]; ok {
		text += ": " + words
	} else if words, ok := classes[e.Code[:min(2, len(e.Code))]]; ok {
		text += ": " + words
	}
	return text
}

// classes say in words what an operator meets most, by code or by its first two letters.
var classes = map[string]string{
	"08": "connection", "22": "a value does not fit its type", "23": "a constraint does not hold", "23503": "something refers to it",
	"23502": "a value is missing", "23505": "a value that must be unique is taken", "25": "state of the transaction",
	"28": "the user may not connect: see name, password and pg_hba.conf", "3D": "there is no such database", "40": "two transactions were in each other's way",
	"42501": "the user may not do this: grant it the privilege", "42P01": "there is no such table: run `cloakroom migrate`",
	"42703": "there is no such column: run `cloakroom migrate`", "53": "the server is out of resources", "53300": "the server has no connection left",
	"54": "a limit of the server", "55": "something is in use", "57": "the server was stopped, or cancelled the statement", "58": "the system of the server failed",
}

var (
	quotes = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	single = regexp.MustCompile(`(^|[\s(=:,\[{])'[^']*'`) // and not the apostrophe of a word
	octets = regexp.MustCompile(`\[\](?:byte|uint8)\{[^}]*\}`)
	// what drivers print of a row: (email)=(alva@example.com)
	keyed = regexp.MustCompile(`\)=\([^)]*\)?`)
	// what looks like an address of a person, quoted or not
	mail = regexp.MustCompile(`[^\s<>()",:;]+@[^\s<>()",:;]+\.[^\s<>()",:;]+`)
)

// unquoted leaves out what is quoted. An opening mark without its end takes the rest with it.
func unquoted(text string) string {
	text = quotes.ReplaceAllString(text, `"…"`)
	text = single.ReplaceAllString(text, "${1}'…'")
	if strings.Count(text, `"`)%2 == 1 {
		text = text[:strings.LastIndexByte(text, '"')] + `"…`
	}
	text = octets.ReplaceAllString(text, "[]byte{…}")
	text = keyed.ReplaceAllString(text, ")=(…)")
	return mail.ReplaceAllString(text, "…")
}
