package graph_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// BenchmarkSealedPage measures a warm page of 50 people with three sealed fields against the same page with plain columns, in
// turns: "sealed/plain" is the ratio of their times. One request of each by turns, so that noise hits both alike.
func BenchmarkSealedPage(b *testing.B) {
	for _, db := range databases(b) {
		b.Run(db.name, func(b *testing.B) {
			fields := []string{"firstName", "lastName", "email"}
			sealed := db.open(b)
			s := compiled(b)
			for _, name := range fields { // the same schema, but for where three values are
				f := s.Type("Contact").Field(name)
				plain := f.PlainColumn()
				f.Pii.Sealed, f.Column = false, plain
			}
			for n := range 2000 {
				id := sealed.put(b, "Contact", map[string]any{"firstName": fmt.Sprint("First ", n), "lastName": fmt.Sprint("Last ", n),
					"email": fmt.Sprintf("person%d@example.com", n), "region": "EMEA", "country": "DE", "lastActivityAt": today})
				if n == 0 {
					for _, column := range []string{"first_name", "last_name", "email"} {
						if _, err := sealed.store.DB.Exec(`ALTER TABLE contacts ADD COLUMN ` + column + ` text`); err != nil {
							b.Fatal(err)
						}
					}
				}
				if _, err := sealed.store.DB.Exec(fmt.Sprintf(`UPDATE contacts SET first_name = 'First %d', last_name = 'Last %d', email = 'person%d@example.com' WHERE id = '%s'`, n, n, n, id)); err != nil {
					b.Fatal(err)
				}
			}
			plain := &world{store: sealed.store, keys: sealed.keys, now: today, log: sealed.log}
			plain.Gateway = plain.gateway(b, s)
			const q = `{"query":"query @for(purpose: SALES) { contacts(first: 50) { totalCount nodes { id firstName lastName email country region lifecycleStage lastActivityAt createdAt } } }"}`
			ask := func(w *world) string {
				req := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(q))
				rec := httptest.NewRecorder()
				w.ServeHTTP(rec, req.WithContext(policy.WithPrincipal(req.Context(), as("SALES_MANAGER"))))
				return rec.Body.String()
			}
			one, other := ask(sealed), ask(plain)
			if one != other || !strings.Contains(one, "person49@example.com") {
				b.Fatalf("%.300s\n%.300s", one, other)
			}
			var times [2]time.Duration
			b.ResetTimer()
			for b.Loop() {
				for i, w := range []*world{sealed, plain} {
					start := time.Now()
					ask(w)
					times[i] += time.Since(start)
				}
			}
			b.ReportMetric(float64(times[0])/float64(times[1]), "sealed/plain")
			b.ReportMetric(float64(times[0].Microseconds())/float64(b.N), "µs-sealed")
		})
	}
}
