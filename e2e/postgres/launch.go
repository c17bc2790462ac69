package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// lifeline runs the server and waits for its own standard input to end. The write end of that pipe belongs to the test
// process alone, so the kernel closes it however the process dies, a panic and a kill included; then the server stops and
// its directory goes. A clean-up in Go would not survive os.Exit.
const lifeline = `
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= \
	-c fsync=off -c synchronous_commit=off -c full_page_writes=off \
	-c max_connections=200 -c shared_buffers=64MB -c timezone=UTC >"$2/log" 2>&1 &
server=$!
read -r _
kill -INT $server
wait $server
rm -rf "$2"
`

// lifelines are the write ends. They are kept, because the garbage collector closes a file that nobody holds.
var lifelines []*os.File

// launch starts a private server and returns the URL of its administrator.
func launch() (string, error) {
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	as, err := unprivileged()
	if err != nil {
		return "", err
	}
	dir, err := workDir(as)
	if err != nil {
		return "", err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "cloakroom",
		"-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out)), os.RemoveAll(dir))
	}

	hold, release, err := os.Pipe()
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	defer func() { _ = hold.Close() }()
	sh := exec.Command("/bin/sh", "-c", lifeline, "sh", bin, dir)
	sh.Dir, sh.Stdin = dir, hold
	// A session of its own: an interrupt from the terminal must reach the test first, not its database.
	sh.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setsid: true}
	if err := sh.Start(); err != nil {
		return "", errors.Join(err, release.Close(), os.RemoveAll(dir))
	}
	lifelines = append(lifelines, release)
	return await(dir)
}

// await waits until the server answers.
func await(dir string) (string, error) {
	admin := (&url.URL{Scheme: "postgres", User: url.User("cloakroom"), Path: "/postgres",
		RawQuery: url.Values{"host": {dir}, "sslmode": {"disable"}}.Encode()}).String()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, admin)
		if err == nil {
			return admin, conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return "", fmt.Errorf("the server does not answer: %w: %s", err, bytes.TrimSpace(log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// binaries returns the directory of the newest PostgreSQL: where Debian puts it, otherwise where PATH finds it.
func binaries() (string, error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, dir := range dirs {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errNoBinaries
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// unprivileged is whom the server runs as, nil for the user of the test. PostgreSQL refuses to run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("running as root, and there is neither a user postgres nor nobody to run the server as")
}

// workDir makes the server's directory, closed to everybody else: the socket lies in it, and trust is all the
// authentication there is. The path of a socket is limited to about 100 bytes, so a deep TMPDIR, or one that only root can
// enter, is passed over for /tmp.
func workDir(as *syscall.Credential) (string, error) {
	parent := os.TempDir()
	if as != nil || len(parent) > 60 || !strings.HasPrefix(parent, "/") {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "cloakroom-pg-")
	if err != nil {
		return "", err
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return dir, nil
}
