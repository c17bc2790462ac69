package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

const people = 10000

// open returns a gateway on SQLite with accounts and people, and the id of one of them.
func open(b *testing.B) (*graph.Gateway, string) {
	b.Helper()
	ctx := context.Background()
	dir := b.TempDir()
	h, err := house.Open(ctx, house.Options{Data: dir, Database: "sqlite:" + filepath.Join(dir, "bench.db"), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := h.Close(); err != nil {
			b.Error(err)
		}
	})
	put := func(typ string, n int, row func(i int) map[string]any) []importer.Row {
		rows := make([]importer.Row, n)
		for i := range rows {
			rows[i] = importer.Row{ID: uuid.Must(uuid.NewV7()), Create: true, Values: row(i)}
		}
		for from := 0; from < n; from += 500 {
			if _, err := h.Gateway.Bulk().Upsert(ctx, h.Schema.Type(typ), rows[from:min(from+500, n)]); err != nil {
				b.Fatal(err)
			}
		}
		return rows
	}
	accounts := put("Account", 100, func(i int) map[string]any {
		return map[string]any{"name": fmt.Sprintf("Account %d", i), "region": "EMEA"}
	})
	contacts := put("Contact", people, func(i int) map[string]any {
		return map[string]any{"firstName": "Ada", "lastName": fmt.Sprintf("Lovelace %d", i), "email": fmt.Sprintf("ada%d@example.com", i),
			"phone": "+442079460000", "mobile": "+447700900000", "street": "12 St James's Square", "city": "London", "postalCode": "SW1Y 4JH",
			"country": "GB", "region": "EMEA", "jobTitle": "Countess", "lastActivityAt": time.Now().UTC(), "account": accounts[i%100].ID}
	})
	return h.Gateway, read.EncodeID("Contact", contacts[people/2].ID)
}

func ask(b *testing.B, g *graph.Gateway, role, query string, variables map[string]any) {
	b.Helper()
	ctx := policy.WithPrincipal(context.Background(), policy.Principal{ID: "bench", Role: role, Attrs: map[string]any{"region": "EMEA"}})
	b.ReportAllocs()
	b.ResetTimer()
	var resp *graphql.Response
	for b.Loop() {
		resp = g.Do(ctx, query, variables)
	}
	if len(resp.Errors) > 0 || !strings.Contains(string(resp.Data), `"country"`) {
		b.Fatalf("%v", resp.Errors)
	}
}

const page = `query($after: String) @for(purpose: %s) { contacts(first: 100, after: $after) { nodes {
	id firstName lastName email phone mobile street city postalCode country region jobTitle lifecycleStage lastActivityAt createdAt account { name } } } }`

func BenchmarkPageRevealed(b *testing.B) {
	g, _ := open(b)
	ask(b, g, "SALES_REP", fmt.Sprintf(page, "SALES"), nil)
}

func BenchmarkPageMasked(b *testing.B) {
	g, _ := open(b)
	ask(b, g, "MARKETER", fmt.Sprintf(page, "MARKETING"), nil)
}

func BenchmarkOne(b *testing.B) {
	g, id := open(b)
	ask(b, g, "SUPPORT_AGENT", `query($id: ID!) @for(purpose: SUPPORT) { contact(id: $id) { id firstName email phone country account { name } } }`, map[string]any{"id": id})
}

func BenchmarkNested(b *testing.B) {
	g, _ := open(b)
	ask(b, g, "SUPPORT_AGENT", `query @for(purpose: SUPPORT) { accounts(first: 100) { nodes { name contacts(first: 10) { nodes { firstName email country } } } } }`, nil)
}
