package redis

import (
	"strings"
	"testing"
)

// Sentinel is a master with a replica, and one sentinel that makes the replica the master when the master is gone.
type Sentinel struct {
	Master, Replica, Watch *Server
	Name                   string // of the master, as the sentinel knows it
	Password               string // of master and replica; the sentinel has none
}

// StartSentinel gives the test all three. They end with the test.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	master, err := Open()
	check(t, err)
	t.Cleanup(func() { closed(t, master) })
	s := &Sentinel{Master: master, Name: "cloakroom", Password: master.Password}
	at := strings.ReplaceAll(master.Addr, ":", " ")

	s.Replica, err = open(plain(s.Password, "replicaof "+at))
	must(t, err)
	t.Cleanup(func() { closed(t, s.Replica) })
	must(t, s.Replica.p.Await(patience, func() error { return s.Replica.ask("INFO replication", "master_link_status:up") }))

	s.Watch, err = open(setup{args: []string{"--sentinel"}, lines: []string{
		"sentinel monitor " + s.Name + " " + at + " 1",
		"sentinel auth-pass " + s.Name + " " + s.Password,
		"sentinel down-after-milliseconds " + s.Name + " 500",
		"sentinel failover-timeout " + s.Name + " 2000"}})
	must(t, err)
	t.Cleanup(func() { closed(t, s.Watch) })
	// It looks at its servers every ten seconds by itself, and a test has no ten seconds.
	must(t, s.Watch.ask("SENTINEL DEBUG info-period 200 ping-period 100 ask-period 100 publish-period 200", "+OK"))
	must(t, s.Watch.p.Await(patience, func() error {
		return s.Watch.ask("INFO sentinel", "master0:name="+s.Name+",status=ok,address="+master.Addr+",slaves=1")
	}))
	return s
}
