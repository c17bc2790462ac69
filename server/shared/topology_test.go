package shared

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startCluster starts three masters that share the slots.
func startCluster(t *testing.T) string {
	t.Helper()
	var nodes []*server
	hosts := make([]string, 3)
	args := []string{"--cluster", "create"}
	for i := range hosts {
		bus := freePort(t)
		s := startRedis(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", strconv.Itoa(bus))
		nodes = append(nodes, s)
		hosts[i] = "127.0.0.1:" + strconv.Itoa(s.port)
		args = append(args, hosts[i])
	}
	out, err := exec.CommandContext(t.Context(), "redis-cli", append(args, "--cluster-yes")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, s := range nodes {
		c := s.client()
		defer c.Close()
		eventually(t, func() bool {
			info, err := c.ClusterInfo(context.Background()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok")
		})
	}
	return "redis-cluster://" + strings.Join(hosts, ",")
}

// sentinels are a master, a replica and three sentinels.
type sentinels struct{ master, replica *server }

func startSentinel(t *testing.T) (string, sentinels) {
	t.Helper()
	s := sentinels{master: startRedis(t)}
	s.replica = startRedis(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(s.master.port))
	var hosts []string
	for range 3 {
		port := freePort(t)
		conf := filepath.Join(t.TempDir(), "sentinel.conf")
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\nloglevel warning\nsentinel monitor crm 127.0.0.1 %d 2\nsentinel down-after-milliseconds crm 500\nsentinel failover-timeout crm 3000\n", port, s.master.port)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("redis-server", conf, "--sentinel")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		c := (&server{t: t, port: port}).client()
		defer c.Close()
		eventually(t, func() bool { return c.Ping(context.Background()).Err() == nil })
		hosts = append(hosts, "127.0.0.1:"+strconv.Itoa(port))
	}
	time.Sleep(time.Second) // they find each other and the replica by the master
	return "redis-sentinel://" + strings.Join(hosts, ",") + "/crm/0", s
}
