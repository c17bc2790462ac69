package redis

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"testing"
)

// Cluster is three masters that share the slots among themselves.
type Cluster struct {
	Nodes    []*Server
	Password string
}

// Addrs are where the nodes listen.
func (c *Cluster) Addrs() []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.Addr)
	}
	return all
}

// StartCluster gives the test a cluster. It ends with the test.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{Password: rand.Text()}
	for range 3 {
		n, err := open(plain(c.Password, "cluster-enabled yes", "cluster-port {bus}", "cluster-node-timeout 2000", "cluster-config-file nodes.conf"))
		check(t, err)
		t.Cleanup(func() { closed(t, n) })
		c.Nodes = append(c.Nodes, n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// REDISCLI_AUTH, because arguments are for everybody to see.
	create := exec.CommandContext(ctx, "redis-cli", append(append([]string{"--cluster", "create"}, c.Addrs()...), "--cluster-yes")...)
	create.Env = append(create.Environ(), "REDISCLI_AUTH="+c.Password)
	if out, err := create.CombinedOutput(); err != nil {
		must(t, fmt.Errorf("redis-cli --cluster create: %w: %s", err, bytes.TrimSpace(out)))
	}
	for _, n := range c.Nodes {
		must(t, n.p.Await(patience, func() error { return n.ask("CLUSTER INFO", "cluster_state:ok") }))
	}
	return c
}
