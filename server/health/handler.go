package health

import (
	"encoding/json"
	"net/http"
	"strings"
)

// ServeHTTP answers with a report: 200 while operations are answered, 503 while not. Programs get JSON, people sentences.
func (b *Board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	Write(w, r, b.Look(r.Context()))
}

// Write answers with a report.
func Write(w http.ResponseWriter, r *http.Request, report Report) {
	status := http.StatusOK
	if !report.Ready() {
		status = http.StatusServiceUnavailable
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(report)
		return
	}
	var b strings.Builder
	b.WriteString(report.String() + "\n")
	for _, c := range report.Components {
		b.WriteString(c.Name + ": " + string(c.State) + "\n")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String()))
}
