// Package health says whether what answers depend on is there: the database, the keys of people, Redis, Kratos, each by its name.
//
//	board := health.NewBoard(log, append(house.Checks(), redis.Check()))
//	report := board.Look(ctx)
//	report.State   // health.Up, health.Degraded or health.Down
//	report.String() // "ready, but sealed fields are withheld: …"
//
// Whoever can reach the port may read a report, so its words name no host, no path and nobody; causes go to the log, once for
// each change.
package health
