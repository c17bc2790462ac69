package house

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/e2e/mail"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
)

// TestAHouseSendsWhatWaits has a house with one database file send what a person asked for, once there is somebody to take it.
func TestAHouseSendsWhatWaits(t *testing.T) {
	box, err := mail.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Close(); err != nil { // it comes later
		t.Fatal(err)
	}
	dir := t.TempDir()
	h, log := tended(t, Options{Data: dir, Database: "sqlite:" + filepath.Join(dir, "data.db"), Gateway: func(c *graph.Config) { c.Mode = graph.DocumentsOpen },
		Mail: Mail{Server: "smtp://" + box.Addr, From: "privacy@example.com", Link: "https://crm.example.com/consent/confirm"}})
	becomes(t, h, "", true)
	const address = "ada.lovelace@example.org"
	ada := uuid.Must(uuid.NewV7())
	if _, err := h.Gateway.Bulk().Upsert(t.Context(), h.Schema.Type("Contact"), []importer.Row{{ID: ada, Create: true, Values: map[string]any{"email": address}}}); err != nil {
		t.Fatal(err)
	}
	own := policy.Principal{ID: "ada", Role: "CUSTOMER", Subject: ada}
	const query = `mutation { requestConsent(input: {purpose: MARKETING}) { accepted linkExpiresAt } }`
	first := ask(t, h, own, "asked", query, nil)
	if second := ask(t, h, own, "asked", query, nil); len(first.Errors) > 0 || string(second.Data["requestConsent"]) != string(first.Data["requestConsent"]) {
		t.Fatal(first.text, second.text)
	}
	becomes(t, h, "mails wait: the last one could not be sent", true)
	for range 300 {
		if h.MailsWaiting() == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := h.MailsWaiting(); n != 1 {
		t.Errorf("%d mails wait: asked twice with one key, there is one", n)
	}
	if box, err = mail.OpenAt(box.Addr); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = box.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	m, err := box.Wait(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	_, link, ok := strings.Cut(m.Text, "https://crm.example.com/consent/confirm?t=")
	token, _, _ := strings.Cut(link, "\n")
	if !ok {
		t.Fatal(m.Text)
	}
	becomes(t, h, "", true)
	if strings.Contains(log.String(), token) || strings.Contains(log.String(), "lovelace") {
		t.Error(log.String())
	}
	// With the person goes what they were asked.
	if err := h.Destroy(t.Context(), "request 1", ada); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := h.store.DB.QueryRowContext(t.Context(), `SELECT count(*) FROM `+optin.Table).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d requests are left: %v", n, err)
	}
	if _, err := h.Gateway.Confirm(t.Context(), optin.ParseToken(token)); err == nil {
		t.Error("the link of somebody who was erased works")
	}
}
