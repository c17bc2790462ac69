package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

// cloakroom runs a command line.
func cloakroom(t *testing.T, want int, args ...string) (out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	if got := run(args, nil, &o, &e); got != want {
		t.Fatalf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, want, &o, &e)
	}
	return o.String(), e.String()
}

// execute changes a database behind the program's back.
func execute(t *testing.T, driver, dsn string, statements ...string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestConvert moves fields as if the schema had changed: what is declared SEALED lies in plain, and the other way round.
func TestConvert(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			data := t.TempDir()
			driver, dsn := "sqlite", filepath.Join(data, "cloakroom.db")
			places, hint, blob := []string{"--data", data}, "backups from before", "x'00112233'"
			if database == "postgres" {
				driver, dsn = "pgx", postgres.Start(t)
				places, hint, blob = append(places, "--database", dsn), "VACUUM FULL contacts", `'\x00112233'`
			}
			with := func(args ...string) []string { return append(args, places...) }
			cloakroom(t, exitDone, with("dev", "welcome", "--demo")...)
			binary := map[string]string{"sqlite": "blob", "postgres": "bytea"}[database]
			execute(t, driver, dsn, `ALTER TABLE contacts ADD COLUMN job_title text`, `ALTER TABLE contacts ADD COLUMN country_sealed `+binary,
				`UPDATE contacts SET job_title = 'Beekeeper', job_title_sealed = NULL WHERE region = 'EMEA'`)
			ask := func() string {
				out, _ := cloakroom(t, exitDone, with("query", "--as", "SALES_REP", "--attr", "region=EMEA", "--purpose", "SALES", "--json",
					"{ contacts(first: 100) { nodes { jobTitle } } }")...)
				return out
			}
			before := ask()
			if !strings.Contains(before, "Beekeeper") {
				t.Fatalf("what is moving is not read: %s", before)
			}
			if out, errOut := cloakroom(t, exitDone, with("keys", "status")...); !strings.Contains(out, "Contact.jobTitle to SEALED") || !strings.Contains(errOut, "keys convert") {
				t.Errorf("status: %s%s", out, errOut)
			}
			out, errOut := cloakroom(t, exitDone, with("keys", "convert")...)
			if !strings.Contains(out, "values moved") || !strings.Contains(errOut, hint) {
				t.Errorf("convert: %s%s", out, errOut)
			}
			if after := ask(); after != before {
				t.Errorf("after it was sealed: %s, want %s", after, before)
			}
			// One value that does not open, on its way from SEALED to PLAIN.
			execute(t, driver, dsn, `UPDATE contacts SET country = NULL, country_sealed = `+blob+` WHERE id = (SELECT id FROM contacts ORDER BY id LIMIT 1)`)
			out, errOut = cloakroom(t, exitFindings, with("keys", "convert")...)
			if !strings.Contains(out, "1 value does not open, and stayed") || !strings.Contains(errOut, "sealed_cell_rejected") {
				t.Errorf("convert what does not open: %s%s", out, errOut)
			}
			if out, _ = cloakroom(t, exitFindings, with("keys", "convert", "--json")...); !strings.Contains(out, `"rejected": 1`) {
				t.Errorf("again: %s", out)
			}
		})
	}
}

// TestRotateIndexGoesOn interrupts it while servers learn of the new key, and runs it again.
func TestRotateIndexGoesOn(t *testing.T) {
	data := t.TempDir()
	cloakroom(t, exitDone, "dev", "welcome", "--data", data, "--demo")
	find := func() string {
		out, _ := cloakroom(t, exitDone, "query", "--data", data, "--as", "SALES_MANAGER", "--purpose", "SALES", "--json",
			`{ contacts(where: {email: {eq: "ALVA.nystrom@example.com"}}) { nodes { fullName email } } }`)
		return out
	}
	before := find()
	if !strings.Contains(before, "Alva") {
		t.Fatalf("not found: %s", before)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	root := newRoot()
	root.SetArgs([]string{"keys", "rotate", "--index", "--data", data})
	root.SetOut(&output{})
	root.SetErr(&output{})
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	db, err := sql.Open("sqlite", filepath.Join(data, "keys.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for jobs, tries := 0, 0; jobs == 0; tries++ {
		if err := db.QueryRow(`SELECT count(*) FROM keyring_jobs`).Scan(&jobs); err != nil || tries > 1000 {
			t.Fatalf("it has not begun: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := <-ended; !errors.Is(err, errStopped) || !strings.Contains(err.Error(), "run it again to go on") {
		t.Fatalf("interrupted: %v", err)
	}
	if out, _ := cloakroom(t, exitDone, "keys", "status", "--data", data); !strings.Contains(out, "\nindex key      version 1, 2\n") || strings.Contains(out, "\n2 ") {
		t.Errorf("between: %s", out)
	}
	if got := find(); got != before {
		t.Errorf("between: %s", got)
	}
	out, _ := cloakroom(t, exitDone, "keys", "rotate", "--index", "--data", data)
	if !strings.Contains(out, "indexed with a new key") || !strings.Contains(out, "version 2 of the key-encryption key") {
		t.Errorf("again: %s", out)
	}
	if out, _ := cloakroom(t, exitDone, "keys", "status", "--data", data); !strings.Contains(out, "\nindex key      version 2\n") {
		t.Errorf("after: %s", out)
	}
	if got := find(); got != before {
		t.Errorf("after: %s", got)
	}
}
