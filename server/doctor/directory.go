package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// What a disk should have left: for journals of SQLite, and for keys that must be written when they are needed.
const (
	spaceWarn = 1 << 30
	spaceFail = 64 << 20
)

// directory looks at the data directory, or at the one it would be made in.
func (p *patient) directory(_ context.Context, tell teller) {
	path, says := p.Config.Data, ""
	info, err := os.Stat(path)
	for errors.Is(err, fs.ErrNotExist) && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		says = " is not there, and is made at the start"
		info, err = os.Stat(path)
	}
	tells := func(state State, what, remedy string) { tell("data directory", state, p.Config.Data+what, remedy) }
	switch {
	case err != nil:
		tells(Fail, ": "+err.Error(), "name another with --data")
		return
	case !info.IsDir():
		tells(Fail, ": "+path+" is no directory", "name another with --data")
		return
	case says == "" && info.Mode().Perm()&0o022 != 0:
		tells(Warn, fmt.Sprintf(": others can write into it (mode %04o), and so put files in the place of keys", info.Mode().Perm()), "chmod 700 "+path)
		return
	}
	if err := writable(path); err != nil {
		tells(Fail, ": this user cannot write into "+path, "give it to the user that the server runs as, or name another with --data")
		return
	}
	free, err := space(path)
	switch {
	case err != nil:
		tells(OK, says, "") // nobody knows
	case free < spaceFail:
		tells(Fail, fmt.Sprintf(": the disk has %d MiB left", free>>20), "make room: keys and erasures that cannot be written are refused")
	case free < spaceWarn:
		tells(Warn, fmt.Sprintf(": the disk has %d MiB left", free>>20), "make room before it is full")
	default:
		if says == "" {
			says = " can be written"
		}
		tells(OK, fmt.Sprintf("%s; %d GiB are free", says, free>>30), "")
	}
}
