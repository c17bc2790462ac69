package keyring_test

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/keyringtest"
)

// TestJob is what the kill tests start as a process of its own: one job, telling of its progress.
func TestJob(t *testing.T) {
	job, args, _ := strings.Cut(os.Getenv("KEYRING_TEST_JOB"), " ")
	if job == "" {
		t.Skip("is started by the kill tests")
	}
	place := strings.Split(args, "\n")
	w := &world{schema: compiled(t, place[0]), data: keyringtest.Store(t, place[1]), keys: place[2], ledger: place[3], root: place[4], log: &logBuffer{}}
	k := w.again(t, func(c *keyring.Config) { c.JobRows = 5 })
	tell := func(done, total int64) { fmt.Fprintln(os.Stdout, "progress", done, total) }
	var err error
	switch job {
	case "rewrap":
		_, err = k.Rewrap(ctx, tell)
	case "convert":
		_, err = k.Convert(ctx, tell)
	case "reindex":
		_, err = k.Reindex(ctx, tell)
	}
	fmt.Fprintln(os.Stdout, "end", err)
}

// run starts a job and kills it (SIGKILL) in the middle of the transaction behind progress line n. It reports whether it came
// to its end before.
func (w *world) run(t *testing.T, job, nick string, url string, n int) (ended bool) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run", "^TestJob$", "-test.v")
	c.Env = append(os.Environ(), "KEYRING_TEST_JOB="+job+" "+strings.Join([]string{nick, url, w.keys, w.ledger, w.root}, "\n"))
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer limit.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch {
		case strings.HasPrefix(lines.Text(), "end <nil>"):
			ended = true
		case strings.HasPrefix(lines.Text(), "end"):
			t.Errorf("%s: %s", job, lines.Text())
		case strings.HasPrefix(lines.Text(), "progress"):
			if n--; n == 0 {
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				_ = c.Process.Kill()
			}
		}
	}
	_ = c.Wait() // it was killed
	return ended
}

var killsFlag = flag.Int("kills", 20, "how often a job is killed")

// Killed at any point, jobs lose nothing and go on: wrapping keys anew, sealing a column, opening it again, keying the index.
func TestKilledJobsGoOn(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some hundred processes")
	}
	kills := *killsFlag
	rows := 30 * kills
	for _, c := range []struct{ job, nick string }{{"rewrap", "SEALED"}, {"convert", "SEALED"}, {"convert", "PLAIN"}, {"reindex", "SEALED"}} {
		t.Run(c.job+" "+c.nick, func(t *testing.T) {
			w := open(t, "sqlite")
			url := w.dir + "/data.db"
			var people []uuid.UUID
			for n := range rows {
				people = append(people, w.row(t, "Person", map[string]any{"name": fmt.Sprint("Ada ", n), "email": fmt.Sprintf("a%d@example.com", n), "nick": fmt.Sprint("nick ", n)}))
				if c.nick == "SEALED" { // not sealed yet
					w.exec(t, `UPDATE people SET nick = ?, nick_sealed = NULL WHERE id = ?`, fmt.Sprint("nick ", n), people[n].String())
				}
			}
			check := func(when string) {
				t.Helper()
				k := w.again(t)
				for n, id := range people {
					var plain *string
					w.scan(t, &plain, `SELECT nick FROM people WHERE id = ?`, id.String())
					sealed := w.read(t, k, "Person", "nick", id)
					want := fmt.Sprint("nick ", n)
					if (plain == nil) == (sealed == nil) || plain != nil && *plain != want || sealed != nil && sealed != want {
						t.Fatalf("%s: row %d has %v and %v", when, n, plain, sealed)
					}
					if w.read(t, k, "Person", "name", id) != fmt.Sprint("Ada ", n) {
						t.Fatalf("%s: row %d cannot be read", when, n)
					}
				}
			}
			if c.job == "rewrap" {
				if _, err := w.Rotate(ctx); err != nil {
					t.Fatal(err)
				}
			}
			killed := 0
			for n := range kills {
				if w.run(t, c.job, c.nick, url, 2) {
					if c.job != "rewrap" {
						t.Fatalf("it was through after %d kills", n)
					}
					if _, err := w.Rotate(ctx); err != nil { // and again
						t.Fatal(err)
					}
				} else {
					killed++
				}
				if n%10 == 9 {
					check(fmt.Sprintf("after %d kills", n+1))
				}
			}
			if killed < kills*9/10 {
				t.Fatalf("only %d of %d were killed before their end", killed, kills)
			}
			if !w.run(t, c.job, c.nick, url, -1) {
				t.Fatal("it does not come to its end")
			}
			check("at the end")
			var plain int
			w.scan(t, &plain, `SELECT count(nick) FROM people`)
			if c.job == "convert" && (plain == 0) != (c.nick == "SEALED") {
				t.Errorf("%d values are plain", plain)
			}
			k := w.again(t)
			s, err := k.Status(ctx)
			if err != nil || len(s.Indexes) != 1 {
				t.Errorf("%+v %v", s, err)
			}
			if last := s.Versions[len(s.Versions)-1]; c.job == "rewrap" && last.Keys != s.Keys {
				t.Errorf("%d of %d keys are wrapped anew", last.Keys, s.Keys)
			}
			if c.job == "convert" && c.nick == "SEALED" && len(s.Moving) > 0 {
				t.Error("still moving", s.Moving)
			}
		})
	}
}

// While values move, others write: what they write is not lost, and what they cleared does not come back.
func TestConvertBesideWrites(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const rows = 300
		person := w.schema.Type("Person")
		nick := person.Field("nick")
		var people []uuid.UUID
		for n := range rows {
			people = append(people, w.row(t, "Person", map[string]any{"name": "x"}))
			w.exec(t, `UPDATE people SET nick = ? WHERE id = ?`, "old "+strconv.Itoa(n), people[n].String())
		}
		k := w.again(t, func(c *keyring.Config) { c.JobRows = 10 })
		if !k.Moving(nick) || k.Moving(person.Field("name")) {
			t.Fatal("what moves is not seen")
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for n := 0; n < rows; n += 3 { // as the hook of a mutation does
				change(t, k, w.data, person, people[n], nick, map[bool]any{true: "new " + strconv.Itoa(n), false: nil}[n%2 == 0])
			}
		})
		c, err := k.Convert(ctx, nil)
		wg.Wait()
		if err != nil || c.Rejected != 0 {
			t.Fatalf("%+v %v", c, err)
		}
		if _, err := k.Convert(ctx, nil); err != nil {
			t.Fatal(err)
		}
		for n, id := range people {
			want := any("old " + strconv.Itoa(n))
			if n%3 == 0 {
				if want = nil; n%2 == 0 {
					want = "new " + strconv.Itoa(n)
				}
			}
			if got := w.read(t, k, "Person", "nick", id); got != want {
				t.Errorf("row %d: %v, want %v", n, got, want)
			}
		}
		if k.Moving(nick) {
			t.Error("still moving")
		}
	})
}

// Moving back opens what opens. What does not is left, and counted.
func TestConvertToPlain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, eve, bob := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2)), w.row(t, "Person", everything(3))
		if err := w.Destroy(ctx, "test", eve); err != nil {
			t.Fatal(err)
		}
		w.exec(t, `UPDATE people SET nick_sealed = (SELECT nick_sealed FROM people WHERE id = ?) WHERE id = ?`, ada.String(), bob.String())
		w.schema = compiled(t, "PLAIN")
		k := w.again(t)
		c, err := k.Convert(ctx, nil)
		if err != nil || c != (keyring.Converted{Values: 1, Gone: 1, Rejected: 1}) {
			t.Fatalf("%+v %v", c, err)
		}
		for id, want := range map[uuid.UUID]string{ada: "ad", eve: "", bob: ""} {
			var got *string
			w.scan(t, &got, `SELECT nick FROM people WHERE id = ?`, id.String())
			if got == nil && want != "" || got != nil && *got != want {
				t.Error(got, want)
			}
		}
		if !k.Moving(w.schema.Type("Person").Field("nick")) {
			t.Error("what was rejected is forgotten")
		}
	})
}
