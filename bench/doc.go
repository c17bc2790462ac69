// Package bench measures what a request costs.
//
//	cmd/bench/  the program that `make bench` runs: four ways to answer the same questions, on the same PostgreSQL data
//	bare/       gqlgen and Ent as documented, without privacy (A) and with field directives (B)
//	floor/      SQL and JSON by hand
//	house/      runs a variant in a process of its own; Cloakroom (C) as `cloakroom serve` assembles it
//	data/       the people, made up the same way every time
//	question/   what is asked, in the words of each variant
//	load/, probe/, trial/, report/  asking, looking at what was spent, taking turns, writing it down
//
// The benchmarks of this package itself are in process and on SQLite, from the parsed document to the encoded answer.
// Compare figures of one run only, as machines are noisy.
package bench
