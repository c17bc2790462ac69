// Package bare is what Cloakroom is measured against: the same questions on the same tables by gqlgen and Ent as their
// documentation has it, and without any privacy.
//
//	ent/       an Ent schema of the columns that the questions ask for, and the client generated from it
//	plain/     A: gqlgen bound to Ent's structs (autobind), one resolver per edge
//	directed/  B: the same with gqlgen's field directives @auth and @mask at work
//	resolve/   the resolvers of both
//
// Where the documentation leaves a choice, the faster one is taken: edges are loaded with With…, lists of lists are limited
// per parent in SQL, the pool keeps its connections, and Ent knows no column that no question needs.
package bare

//go:generate go run ./generate
