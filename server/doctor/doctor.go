package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

// State is how something is.
type State string

// The states. With Fail a server would not start, or would not answer operations.
const (
	OK   State = "ok"
	Warn State = "warn"
	Fail State = "fail"
	Skip State = "skip" // it could not be looked at, or need not be
)

// Finding is what was found about one thing.
type Finding struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Says   string `json:"says"`
	Remedy string `json:"remedy,omitempty"` // empty where nothing is to be done, or Says ends with it
}

// Limits of time: of one answer, and of everything that waits for answers.
const (
	answerLimit = 2 * time.Second
	lookLimit   = 4 * time.Second
)

// look is what is looked at in one go, and the names of what it finds.
type look struct {
	names []string
	do    func(ctx context.Context, tell teller)
}

// teller takes a finding. What was told is not told again: whoever fails halfway may tell all that is left.
type teller func(name string, state State, says, remedy string)

// patient is who is looked at.
type patient struct {
	server.Gathered

	house house.Options
	log   *slog.Logger
}

// Look looks at everything. Wrong is what server.Gather found wrong: then there is nothing else to look at yet.
func Look(ctx context.Context, g server.Gathered, o house.Options, wrong error) []Finding {
	if wrong != nil {
		return settingsOf(wrong)
	}
	p := &patient{Gathered: g, house: o, log: slog.New(slog.DiscardHandler)}
	return run(ctx, []look{
		{[]string{"settings", "secrets"}, p.settings},
		{[]string{"identity"}, p.identity},
		{[]string{"listen"}, p.listen},
		{[]string{"admin"}, p.admin},
		{[]string{"data directory"}, p.directory},
		{[]string{"database", "clock", "schema", "documents", "gateway key", "keys database", "root key", "erasure ledger"}, p.databases},
		{[]string{"read replicas"}, p.standbys},
		{[]string{"redis"}, p.redis},
		{[]string{"kratos"}, p.kratos},
		{[]string{"kratos admin"}, p.kratosAdmin},
		{[]string{"oidc"}, p.oidc},
		{[]string{"mail"}, p.mail},
	}, lookLimit)
}

// run looks side by side, and says of what did not answer in time that it did not.
func run(ctx context.Context, looks []look, limit time.Duration) []Finding {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var mu sync.Mutex
	found := map[string]Finding{}
	tell := func(name string, state State, says, remedy string) {
		mu.Lock()
		defer mu.Unlock()
		if _, told := found[name]; !told {
			found[name] = Finding{name, state, says, remedy}
		}
	}
	done := make(chan struct{}, len(looks))
	for _, l := range looks {
		go func() {
			defer func() {
				if v := recover(); v != nil {
					for _, name := range l.names {
						tell(name, Fail, fmt.Sprintf("the look at it failed (%T)", v), "report this")
					}
				}
				done <- struct{}{}
			}()
			l.do(ctx, tell)
		}()
	}
	over := time.After(limit + limit/8) // what heeds its context has ended by then
	for range looks {
		select {
		case <-done:
		case <-over:
		}
	}
	mu.Lock()
	defer mu.Unlock()
	var out []Finding
	for _, l := range looks {
		for _, name := range l.names {
			f, told := found[name]
			if !told {
				f = Finding{name, Fail, fmt.Sprintf("there was no answer within %s", limit), "see why it hangs: a network that swallows packets, a disk that is gone"}
			}
			out = append(out, f)
		}
	}
	return out
}

// Worst is the state that counts.
func Worst(all []Finding) State {
	for _, s := range []State{Fail, Warn} {
		if slices.ContainsFunc(all, func(f Finding) bool { return f.State == s }) {
			return s
		}
	}
	return OK
}
