// Package web holds the pages that people open in a browser, as npm builds them into dist. Go builds without npm too: then
// there is nothing in dist but a placeholder, and Built says so.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files are the built pages.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // dist is a valid name
	}
	return files
}

// Built reports whether the pages were built when the program was compiled.
func Built() bool {
	_, err := fs.Stat(Files(), "graphiql.html")
	return err == nil
}
