package trial

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/cloakroom-crm/cloakroom/bench/house"
	"github.com/cloakroom-crm/cloakroom/bench/probe"
	"github.com/cloakroom-crm/cloakroom/bench/question"
)

// process is a variant that runs.
type process struct {
	house.Address
	cmd *exec.Cmd
}

// start runs this program once more, as the variant. It ends with ctx, and with this process.
func start(ctx context.Context, v question.Variant, database, dir string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self, "serve", string(v), dir)}
	// By the environment, as other users of the machine can read arguments, and a URL may hold a password.
	p.cmd.Env = append(os.Environ(), house.DatabaseVariable+"="+database)
	p.cmd.Stderr = os.Stderr
	if _, err := p.cmd.StdinPipe(); err != nil { // its end tells the process that we are gone
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.Address)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("variant %s did not start: %w", v, err), p.stop())
	}
	return p, nil
}

func (p *process) stop() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = p.cmd.Wait() // it was killed, and says so
	return nil
}

// reading asks what the process has spent; a cheap one does not count allocations.
func (p *process) reading(ctx context.Context, cheap bool) (r probe.Reading, err error) {
	url := "http://" + p.Probe + "/reading"
	if cheap {
		url += "?cheap=1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return r, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return r, err
	}
	err = json.NewDecoder(resp.Body).Decode(&r)
	return r, errors.Join(err, resp.Body.Close())
}

// watch samples the resident memory until the returned function is called, which gives the largest.
func (p *process) watch(ctx context.Context) func() int64 {
	ctx, cancel := context.WithCancel(ctx)
	top := make(chan int64)
	go func() {
		most := int64(0)
		for {
			if r, err := p.reading(ctx, true); err == nil {
				most = max(most, r.RSS)
			}
			select {
			case <-ctx.Done():
				top <- most
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		cancel()
		return <-top
	}
}
