package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// watch ends process $1 and removes directory $2 if the pipe closes without a word, which is what happens when its writer
// dies. A word says that all is done; the pid may be somebody else's by then.
const watch = `
read -r _ && exit 0
kill -CONT "$1"; kill -TERM "$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" || break; sleep 0.5; done
kill -KILL "$1"
[ -z "$2" ] || rm -rf "$2"
`

// Command is what to run.
type Command struct {
	Path string
	Args []string
	Env  []string            // in addition to the environment of the test
	Dir  string              // where it runs
	Log  string              // the file that both outputs are appended to; Dir/log if empty
	Own  string              // a directory that goes if the test dies; none if empty
	As   *syscall.Credential // whom it runs as, nil for the user of the test
}

// Process is a running server.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // of the exit, to be read once done is closed
}

// Start runs the command.
func Start(c Command) (*Process, error) {
	p := &Process{log: c.Log, done: make(chan struct{})}
	if p.log == "" {
		p.log = filepath.Join(c.Dir, "log")
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	read, release, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = read.Close() }()

	p.cmd = exec.Command(c.Path, c.Args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = c.Dir, log, log
	p.cmd.Env = append(os.Environ(), c.Env...)
	// A session of its own: an interrupt from the terminal must reach the test first, not what the test still needs.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.As}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", filepath.Base(c.Path), err), release.Close())
	}
	sh := exec.Command("/bin/sh", "-c", watch, "sh", strconv.Itoa(p.cmd.Process.Pid), c.Own)
	sh.Stdin, sh.SysProcAttr = read, &syscall.SysProcAttr{Setsid: true}
	if err := sh.Start(); err != nil {
		return nil, errors.Join(err, release.Close(), p.cmd.Process.Kill(), p.cmd.Wait())
	}
	go func() {
		p.err = p.cmd.Wait()
		_, _ = release.WriteString("done\n")
		_ = release.Close()
		_ = sh.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid is the server's own process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the server has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log is what the server wrote so far.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Pause stops the server in its tracks: connections stay open and nobody answers.
func (p *Process) Pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Stop asks the server to end, and makes it end after the time given. It reports whatever kept it from ending well.
func (p *Process) Stop(sig syscall.Signal, within time.Duration) error {
	select {
	case <-p.done:
		return p.err
	default:
	}
	// A paused server gets no signal but this one.
	err := errors.Join(p.cmd.Process.Signal(syscall.SIGCONT), p.cmd.Process.Signal(sig))
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-p.done:
		return errors.Join(err, p.err)
	case <-time.After(within):
		err = errors.Join(err, fmt.Errorf("%s did not end within %s of being told to", filepath.Base(p.cmd.Path), within), p.cmd.Process.Kill())
		<-p.done
		return err
	}
}

// Await asks ready again and again until it says yes. It gives up when the server ends or the time is over.
func (p *Process) Await(within time.Duration, ready func() error) error {
	for deadline := time.Now().Add(within); ; {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended instead of answering: %w\n%s", filepath.Base(p.cmd.Path), errors.Join(err, p.err), p.Log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer after %s: %w\n%s", filepath.Base(p.cmd.Path), within, err, p.Log())
		}
	}
}
