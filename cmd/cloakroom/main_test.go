package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

var update = flag.Bool("update", false, "rewrite the wanted output of the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cloakroom": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the command lines of testdata/script, each in an empty directory.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitCode, "taken": taken, "receipt": signReceipt, "tamper": tamper},
	})
}

// exitCode runs `exitcode N command…` and fails unless the command ends with N: testscript itself tells only success from
// failure.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N command…")
	}
	err := ts.Exec("sh", append([]string{"-c", `want=$1; shift; "$@"; got=$?; [ $got = $want ] || { echo "exit code $got, want $want" >&2; exit 1; }`, "sh"}, args...)...)
	if err != nil {
		ts.Fatalf("%s\n%s", ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// tamper runs `tamper DIR SQL`: a statement on the SQLite database of a data directory, around the program.
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tamper DIR SQL")
	}
	s, err := store.Open(context.Background(), server.DatabaseURL(ts.MkAbs(args[0]), ""))
	ts.Check(err)
	_, err = s.DB.Exec(args[1])
	ts.Check(errors.Join(err, s.Close()))
}

// signReceipt runs `receipt FILE DIR NOTICE`: FILE is a receipt that the data directory DIR issues, of a consent to marketing that was
// given under the text in the file NOTICE.
func signReceipt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: receipt FILE DIR NOTICE")
	}
	dir := ts.MkAbs(args[1])
	h, err := house.Open(context.Background(), house.Options{Data: dir, Database: server.DatabaseURL(dir, "")})
	ts.Check(err)
	sum := sha256.Sum256([]byte(ts.ReadFile(args[2])))
	text, err := h.Receipts.Sign(context.Background(), receipt.Record{Entry: uuid.New(), Subject: uuid.New(), Decision: "GIVE", Purpose: h.Schema.Purpose("MARKETING"),
		At: time.Now(), Method: "PORTAL", Actor: "subject", AsNow: true, Notice: receipt.Notice{Version: "7", SHA256: hex.EncodeToString(sum[:]), Language: "en"}})
	ts.Check(errors.Join(err, h.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text+"\n"), 0o600))
}

// taken runs `taken NAME`: $NAME is an address on which something listens until the script ends.
func taken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: taken NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}
