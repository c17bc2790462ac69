// Command cloakroom is the one binary: it serves the API and carries the tools around it.
//
//	cloakroom serve       serve the API
//	cloakroom doctor      look at everything a server needs, before one is started
//	cloakroom query       ask one question and see why each field is as it is
//	cloakroom import      bring a CSV file in
//	cloakroom consent     look into what people consented to, and verify receipts of it
//	cloakroom keys        look after the keys of sealed fields
//	cloakroom dev token   a bearer token of the development identity
//	cloakroom lint        check a schema
//	cloakroom explain     what each role sees of a field
//	cloakroom generate    bring generated code up to date
//	cloakroom vocabulary  the directives, for editors
//
// Exit codes are the same everywhere: 0 is done; 1 is done, and there is something to look at (findings of lint, generated
// files out of date, an answer with errors, an import of which no row was good, keys that cannot be had, values that do not
// open, things a server lacks, a receipt that is not genuine); 2 is not done (wrong usage, a file or a database that cannot be opened).
//
// What a command is for goes to standard output, everything about it to standard error. Colour, progress bars and the like
// appear on a terminal only, and not with NO_COLOR set (no-color.org).
package main
