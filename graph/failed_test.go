package graph_test

import (
	"strings"
	"testing"
)

// What failed is logged by the schema's names: an alias is text of the sender's, and may be anybody's name.
func TestWhatFailedIsLoggedWithoutTheSendersWords(t *testing.T) {
	w := databases(t)[0].demo(t)
	if _, err := w.store.DB.Exec(`ALTER TABLE contacts RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	w.log.Reset()
	a := w.ask(t, as("SALES_MANAGER"), `query Anna_Query @for(purpose: SALES) { Anna_Schmidt: contacts { nodes { Anna_Schmidts_id: id } } }`)
	if len(a.Errs) == 0 {
		t.Fatal(a.raw)
	}
	log := w.log.String()
	if !strings.Contains(log, "operation failed") || !strings.Contains(log, "Query.contacts") || strings.Contains(log, "Anna") {
		t.Error(log)
	}
	w.log.Reset()
}
