package server

import (
	"fmt"
	"net/http"
)

// gpcSince is the day whose meaning of the signal this program honours: the specification has the time of the statement told, so that
// nobody holds a site to what the signal came to mean later.
const gpcSince = "2026-11-30"

// gpcSupport says that Global Privacy Control is honoured.
func gpcSupport(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"gpc":true,"lastUpdate":%q}`+"\n", gpcSince)
}
