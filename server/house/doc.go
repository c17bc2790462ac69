// Package house puts the parts together over one data directory: the schema the program was built with, the database,
// the keys, and the gateway that answers through them. `serve`, `query`, `import` and `dev token` all enter here, so that
// there is one way to open the data and one place that decides what a data directory is.
//
//	h, err := house.Open(ctx, house.Options{Data: "./data"})
//	…
//	defer h.Close()
//	resp, err := h.Ask(ctx, viewer, house.Question{Query: "{ me { role } }", Purpose: "SALES"})
//
// A data directory is made for its owner alone (GDPR Art. 32). Opening brings the database to the program's version;
// several processes may open one directory at the same time.
package house
