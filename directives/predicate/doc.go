// Package predicate renders the condition of an access rule as a piece of SQL.
//
//	sql, slots := predicate.Render(predicate.Postgres, access.When.Expr, "contacts")
//	for _, s := range slots {
//		args = append(args, s.Resolve(principal, now))
//	}
//
// It is pure: the text depends on the expression and the dialect only, so it can be cached with the plan, and what the
// viewer is and what time it is arrive as parameters. No value is ever written into the text.
//
// SQL's three-valued logic is the meaning of a condition (GDPR Art. 25(2), by default): a null in the row, or an
// attribute that the viewer lacks or that has the wrong type, makes a comparison unknown, NOT keeps unknown unknown, and
// a WHERE clause admits only what is true. So a mistake in attributes grants nothing.
package predicate
