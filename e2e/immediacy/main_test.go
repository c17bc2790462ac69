package immediacy

import (
	"flag"
	"testing"

	"github.com/cloakroom-crm/cloakroom/e2e/planted"
	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

var withdrawals = flag.Int64("withdrawals", 200, "how many are tried on two gateways")

// Mistakes that the program is built with; the environment of a gateway says which one it makes.
const mistakes = "PLANTED"

var plants = []planted.Edit{
	{File: "graph/read/planted.go", New: `package read

import (
	"os"
	"sync"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

var plantedCache sync.Map

type plantedState struct {
	state policy.State
	until time.Time
}

var cached = os.Getenv("PLANTED") == "cache"

func planted(id string, state policy.State) policy.State {
	if !cached {
		return state
	}
	if known, ok := plantedCache.Load(id); ok && time.Now().Before(known.(plantedState).until) {
		return known.(plantedState).state
	}
	plantedCache.Store(id, plantedState{state, time.Now().Add(time.Second)})
	return state
}
`},
	{File: "graph/read/encode.go", Old: "	state := e.state(o, row)\n", New: "	state := planted(string([]byte(row[o.id].key())), e.state(o, row))\n"},
	{File: "graph/read/rows.go", Old: "	need := c.NeedsToShow | c.NeedsToAsk\n", New: "	if cached {\n		return text(value)\n	}\n	need := c.NeedsToShow | c.NeedsToAsk\n"},
	{File: "ent/standby/planted.go", New: `package standby

import "os"

var planted = os.Getenv("PLANTED")
`},
	{File: "ent/standby/older.go", Old: "	left, err := older(ctx, db, xid)\n", New: "	if planted == \"page\" {\n		return nil\n	}\n	left, err := older(ctx, db, xid)\n"},
	{File: "ent/standby/set.go", Old: "	if !s.leases {\n", New: "	if !s.leases || planted == \"standby\" {\n"},
}

// start starts two gateways of a program, with a mistake or without one.
func start(t *testing.T, binary, mistake string, standby bool) *crowd {
	t.Helper()
	s := stack.Start(t, stack.Options{Binary: binary, Replicas: 2, Identity: "dev", Links: true, Standby: standby, Env: []string{mistakes + "=" + mistake},
		Settings: map[string]string{"limits.rate": "1000000000"}})
	return &crowd{Stack: s, manager: stack.Bearer(s.DevToken(t, "--role", "SALES_MANAGER", "--life", "1h")), agent: stack.Bearer(s.DevToken(t, "--role", "SUPPORT_AGENT", "--life", "1h"))}
}
