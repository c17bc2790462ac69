package house

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
)

// A receipt is handed out with every decision, and can be had again: it says the same of the same line, and is genuine.
func TestADecisionHasAReceipt(t *testing.T) {
	dir := t.TempDir()
	h := opened(t, Options{Data: dir, Database: "sqlite:" + filepath.Join(dir, "data.db"), Gateway: func(c *graph.Config) { c.Mode = graph.DocumentsOpen }})
	if err := h.Demo(t.Context()); err != nil {
		t.Fatal(err)
	}
	own := policy.Principal{ID: "a customer", Role: "CUSTOMER", Subject: h.somebody(t)}
	got := ask(t, h, own, "", `mutation {
		giveConsent(input: {purpose: MARKETING}) { entry { id receipt } }
		withdrawConsent(input: {purpose: MARKETING}) { entry { id receipt } }
		objectTo(input: {purpose: SALES}) { entry { id receipt } }
		restrictProcessing(input: {ground: ACCURACY}) { entry { id receipt } }
	}`, nil)
	if len(got.Errors) > 0 {
		t.Fatal(got.text)
	}
	keys, err := h.ReceiptKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type entry struct{ ID, Receipt string }
	handed := map[string]string{}
	for name, raw := range got.Data {
		var p struct{ Entry entry }
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Fatal(err)
		}
		proof, err := receipt.Verify(p.Entry.Receipt, keys)
		if err != nil || proof.Receipt.Subject != own.Subject.String() {
			t.Errorf("%s: %v, of %s", name, err, proof.Receipt.Subject)
		}
		handed[p.Entry.ID] = p.Entry.Receipt
	}
	var history struct{ Nodes []entry }
	if err := json.Unmarshal(ask(t, h, own, "", `{ consentHistory(first: 100) { nodes { id receipt } } }`, nil).Data["consentHistory"], &history); err != nil {
		t.Fatal(err)
	}
	again := 0
	for _, e := range history.Nodes {
		if was, ok := handed[e.ID]; ok {
			again++
			if e.Receipt != was {
				t.Errorf("entry %s has another receipt the second time", e.ID)
			}
		}
	}
	if again != 4 {
		t.Errorf("%d of 4 entries in the history", again)
	}
}
