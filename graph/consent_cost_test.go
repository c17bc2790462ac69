package graph_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
	"github.com/cloakroom-crm/cloakroom/graph"
)

var consentRounds = flag.Int("consent.rounds", 0, "rounds in which the cost of consent is measured; 0: only its statements are looked at")

// manyPurposes are as many as a schema may have, all that may have a state with one.
func manyPurposes(t testing.TB) string {
	var b strings.Builder
	have := compiled(t).Purposes
	used := map[int]bool{}
	for _, p := range have {
		used[p.Bit] = true
	}
	bit := 0
	for i := range 64 - len(have) {
		for ; bit < 56 && used[bit]; bit++ {
		}
		if bit < 56 {
			fmt.Fprintf(&b, "  MORE_%d @lawful(basis: %s, bit: %d, notice: \"More of it, number %d.\")\n", i, []string{"CONSENT", "LEGITIMATE_INTERESTS"}[i%2], bit, i)
			bit++
		} else {
			fmt.Fprintf(&b, "  MORE_%d @lawful(basis: CONTRACT, notice: \"More of it, number %d.\")\n", i, i)
		}
	}
	return b.String()
}

// What consent costs is told by the page of the benchmark's second question, in a schema of 64 purposes of which the one asked
// for rests on consent, against the same schema where it rests on a contract. Everybody has agreed, so the answers are the same.
func TestConsentCostsNoStatement(t *testing.T) {
	more := []string{"enum Purpose {\n", "enum Purpose {\n" + manyPurposes(t)}
	none := append(slices.Clone(more), "      basis: CONSENT\n      bit: 3", "      basis: CONTRACT\n      bit: 3",
		"\n      optOut: [GPC, LIST_UNSUBSCRIBE]\n      directMarketing: true", "",
		"  @consent(to: MARKETING, otherwise: HIDE_ROW)", "  @consent(to: PROFILING, otherwise: HIDE_ROW)")
	with, without := rewritten(t, more...), rewritten(t, none...)
	if len(with.Purposes) != 64 {
		t.Fatalf("%d purposes", len(with.Purposes))
	}
	worlds := []*world{databases(t)[1].serve(t, with, 0), databases(t)[1].serve(t, without, 0)}
	for _, w := range worlds {
		account := w.put(t, "Account", map[string]any{"name": "Acme", "industry": "Tools"})
		for i := range 120 {
			id := w.put(t, "Contact", map[string]any{"firstName": "Ada", "lastName": fmt.Sprint("Lovelace ", i), "birthday": today, "email": fmt.Sprintf("ada%d@example.com", i),
				"phone": "+442079460000", "city": "London", "country": "GB", "region": "EMEA", "jobTitle": "Countess", "preferredLanguage": "en", "lifecycleStage": "LEAD",
				"subscribedAt": today, "lastActivityAt": today, "createdAt": today, "account": account})
			w.setState(t, "Contact", id, policy.ConsentBits(with))
		}
		for _, sql := range []string{fmt.Sprintf("UPDATE contacts SET consent_until = %d", guard.Never), "VACUUM ANALYZE contacts"} { // as it is after the ledger's first word
			if _, err := w.store.DB.Exec(sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	const q = `query @for(purpose: MARKETING) { contacts(first: 100) { nodes {
		__typename firstName lastName birthday email phone city country region jobTitle preferredLanguage lifecycleStage subscribedAt lastActivityAt createdAt account { name industry } } } }`
	ctx := policy.WithPrincipal(context.Background(), as("MARKETER"))
	ask := func(g *graph.Gateway) string {
		resp := g.Do(ctx, q, nil)
		if len(resp.Errors) > 0 {
			t.Fatal(resp.Errors)
		}
		return string(resp.Data)
	}
	var answers [2]string
	var statements [2]int
	for i, w := range worlds {
		w.sql = nil
		answers[i] = ask(w.Gateway)
		statements[i] = len(w.sql)
	}
	if answers[0] != answers[1] || strings.Count(answers[0], "ada") != 100 {
		t.Error("the answers differ")
	}
	if statements[0] != statements[1] {
		t.Errorf("consent adds statements: %d, and %d without", statements[0], statements[1])
	}
	if *consentRounds == 0 {
		return
	}
	var driver [2]*client
	for i, w := range worlds {
		driver[i] = w.drive(t, ctx, q)
	}
	var sums [3][2]time.Duration // of the gateway, of the database, of both
	var ratios [3][]float64
	for range *consentRounds {
		var used [3][2]time.Duration
		for turn := range 4 { // in both orders
			i := []int{0, 1, 1, 0}[turn]
			w := worlds[i]
			g0, d0 := ownCPU(t), w.databaseCPU(t)
			driver[i].ask(t, 500)
			w.sql = nil
			used[0][i] += ownCPU(t) - g0
			used[1][i] += w.databaseCPU(t) - d0
		}
		used[2] = [2]time.Duration{used[0][0] + used[1][0], used[0][1] + used[1][1]}
		for part, d := range used {
			sums[part][0], sums[part][1] = sums[part][0]+d[0], sums[part][1]+d[1]
			ratios[part] = append(ratios[part], float64(d[0])/float64(d[1]))
		}
	}
	for part, name := range []string{"gateway", "database", "both"} {
		r := ratios[part]
		slices.Sort(r)
		t.Logf("%s, with consent over without: %.3f in all, %v over %v (quartiles of %d rounds %.3f to %.3f)", name, float64(sums[part][0])/float64(sums[part][1]),
			sums[part][0], sums[part][1], len(r), r[len(r)/4], r[len(r)*3/4])
	}
}

// client is a process that asks one question over HTTP, so that asking does not count as answering.
type client struct {
	*exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

const drivenBy = "CLOAKROOM_TEST_DRIVE" // a URL, to a client

// drive serves the world and starts a client that asks it q.
func (w *world) drive(t *testing.T, who context.Context, q string) *client {
	p, _ := policy.PrincipalFrom(who)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.Gateway.ServeHTTP(rw, r.WithContext(policy.WithPrincipal(r.Context(), p)))
	}))
	t.Cleanup(s.Close)
	c := &client{Cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestClientOfTheCost$")}
	c.Env = append(os.Environ(), drivenBy+"="+s.URL)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewReader(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	if _, err := fmt.Fprintf(in, "%q\n", request(q)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask has the client ask n times.
func (c *client) ask(t *testing.T, n int) {
	if _, err := fmt.Fprintln(c.in, n); err != nil {
		t.Fatal(err)
	}
	if line, err := c.out.ReadString('\n'); err != nil || line != fmt.Sprintln(n) {
		t.Fatalf("the client says %q, %v", line, err)
	}
}

// TestClientOfTheCost is that process. It reads what to ask, and then how often.
func TestClientOfTheCost(t *testing.T) {
	url, ok := os.LookupEnv(drivenBy)
	if !ok {
		t.Skip("is run by another test")
	}
	var body string
	if _, err := fmt.Scanf("%q\n", &body); err != nil {
		t.Fatal(err)
	}
	var n int
	for {
		if _, err := fmt.Scanln(&n); err != nil {
			os.Exit(0) // nothing more is wanted, nor the words of a test
		}
		for range n {
			resp, err := http.Post(url, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			if err := errors.Join(err, resp.Body.Close()); err != nil || !bytes.Contains(answer, []byte("ada")) {
				t.Fatalf("%v: %s", err, answer)
			}
		}
		fmt.Fprintln(os.Stdout, n)
	}
}

// ownCPU is the processor time of this process.
func ownCPU(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// databaseCPU is the processor time of the database's processes that serve this world, in steps of 10 ms.
func (w *world) databaseCPU(t testing.TB) (sum time.Duration) {
	rows, err := w.store.DB.Query(`SELECT pid FROM pg_stat_activity WHERE datname = current_database()`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			t.Fatal(err)
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has just ended
		}
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, at := range []int{11, 12} { // utime, stime
			n, _ := strconv.Atoi(f[at])
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}
