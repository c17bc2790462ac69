package graph_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// When a client hangs up, the database stops working for it. A statement that waits for a lock stands for one that takes long:
// it would go on until somebody takes it away.
func TestTheDatabaseStopsForWhoHangsUp(t *testing.T) {
	for _, query := range []string{
		`query @for(purpose: SALES) { contacts { nodes { id email account { name } } } }`,
		`query @for(purpose: SALES) { accounts { nodes { contacts { nodes { id } totalCount } } } contacts { totalCount } }`,
		`mutation @for(purpose: SALES) { createContact(input: {firstName: "Ada"}) { contact { id } } }`,
	} {
		w := databases(t)[1].demo(t)
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.ServeHTTP(rw, r.WithContext(policy.WithPrincipal(r.Context(), as("SALES_MANAGER"))))
		}))
		defer s.Close()
		lock, err := w.store.DB.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = lock.Rollback() }()
		if _, err := lock.Exec(`LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE`); err != nil {
			t.Fatal(err)
		}
		waiting := func() (n int) {
			const q = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
			if err := w.store.DB.QueryRow(q).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		until := func(what string, ok func() bool) {
			for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s: never %s", query, what)
				}
			}
		}
		ctx, hangUp := context.WithCancel(context.Background())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader(request(query)))
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() {
			resp, err := s.Client().Do(r)
			if err == nil {
				err = resp.Body.Close()
			}
			answered <- err
		}()
		until("waiting for the lock", func() bool { return waiting() > 0 })
		hangUp()
		began := time.Now()
		until("ended", func() bool { return waiting() == 0 })
		if took := time.Since(began); took > 2*time.Second*slower {
			t.Errorf("%s: the database went on for %v", query, took)
		}
		if err := <-answered; err == nil {
			t.Error("an answer came all the same")
		}
	}
}
