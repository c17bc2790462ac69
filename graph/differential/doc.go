// Package differential holds the read path to the rules it was built from.
//
// Its tests make up annotated schemas, people with wishes, viewers and questions (property-based testing with
// pgregory.net/rapid), and have each question answered twice: by the engine of graph/read, which decides in plans and in
// SQL, and by a reference that walks over rows in memory and asks, cell by cell, what the rules of a decision say. Any
// difference fails, and is shrunk to the smallest schema and question that show it.
//
// Sealed fields are sealed by a vault that everybody can read into. Its blind indexes are a few bits long, so that most of what
// they find is something else; some of its keys are gone, and some values have not moved yet to the storage of their field.
// What it opened is held against what the viewer sees.
//
// The reference is slow and plain on purpose. It uses the compiled schema and calendar periods (directives/ir) and the
// text of a mask (policy.Masker), and none of what it checks: neither the decisions of directives/policy, nor
// directives/predicate, nor SQL.
//
//	go test ./graph/differential                            # 500 cases
//	go test ./graph/differential -rapid.checks 20000        # more
//	go test ./graph/differential -rapid.seed 42             # the same again
package differential
