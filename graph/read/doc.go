// Package read is the one read path, the enforcement point for everything that leaves the process:
//
//	plan → one SQL per level → rows → decide → JSON
//
// A plan is compiled once per operation, role, purpose and shape of variables, and cached. Its SQL selects only the
// columns that were asked for and may be shown; access conditions, retention, restriction and objection are predicates
// of that SQL, so a row that may not be seen never leaves the database. To-one edges are LEFT JOINs, to-many edges one
// batched statement per level. What depends on the person (consent) is a bit test per row on the privacy state that
// travels with it. The encoder writes the answer straight from the rows (GDPR Art. 5(1)(b), (c), (e), Art. 25).
package read
