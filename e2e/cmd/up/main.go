// Command up starts Cloakroom as it is run for real, without containers: PostgreSQL, Redis, Kratos and the gateway, on the
// loopback interface. It enters somebody for each role, says how to sign in as them, and ends everything when it is interrupted.
// `make up` builds what it needs and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "up:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	f := flag.NewFlagSet("up", flag.ContinueOnError)
	dir := f.String("dir", "data-up", "where everything is kept; used again the next time")
	binary := f.String("binary", "bin/cloakroom", "the gateway")
	replicas := f.Int("replicas", 1, "how many gateways")
	free := f.Bool("free-ports", false, "take any free ports instead of 8080, 8081, 4433 and 4434")
	down := f.Bool("down", false, "end what runs in the directory")
	if err := f.Parse(args); err != nil {
		return err
	}
	pidFile := filepath.Join(*dir, "up.pid")
	if *down {
		return end(pidFile, out)
	}
	path, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	// Run by root, PostgreSQL is somebody else, who has to pass through. What lies in it is for its owners alone.
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := errors.Join(os.MkdirAll(*dir, mode), os.Chmod(*dir, mode)); err != nil {
		return err
	}
	if pid, runs := running(pidFile); runs {
		return fmt.Errorf("it runs already, as process %d: end it with `make down`", pid)
	}
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(pidFile)) }()

	o := stack.Options{Binary: path, Dir: *dir, Replicas: *replicas, Identity: "kratos",
		Ports:    stack.Ports{Gateway: 8080, Admin: 8081, Kratos: 4433, KratosAdmin: 4434},
		Settings: map[string]string{"demo": "true", "documents": "open", "graphiql": "on"}}
	if *free {
		o.Ports = stack.Ports{}
	}
	fmt.Fprintln(out, "Starting PostgreSQL, Redis, Kratos and the gateway …")
	s, err := stack.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	people, err := enter(ctx, s, filepath.Join(*dir, "people.json"))
	if err != nil {
		return err
	}
	tell(out, s, people)
	<-ctx.Done()
	fmt.Fprintln(out, "\nEnding everything …")
	return nil
}

// running reports whose pid is in the file, and whether that is this program: a pid may be somebody else's by now.
func running(pidFile string) (pid int, runs bool) {
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid == os.Getpid() || syscall.Kill(pid, 0) != nil {
		return 0, false
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil { // no such files on this system
		return pid, true
	}
	name, _, _ := strings.Cut(string(line), "\x00")
	return pid, filepath.Base(name) == filepath.Base(os.Args[0])
}

// patience is how long everything may take to end.
const patience = 90 * time.Second

func end(pidFile string, out io.Writer) error {
	pid, runs := running(pidFile)
	if !runs {
		fmt.Fprintln(out, "Nothing runs here.")
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if _, runs := running(pidFile); !runs {
			fmt.Fprintln(out, "Ended. What was kept stays there for the next time.")
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("process %d does not end", pid)
		}
	}
}
