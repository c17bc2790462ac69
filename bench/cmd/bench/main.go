// Command bench measures Cloakroom against gqlgen and Ent without privacy, against gqlgen's directives, and against SQL and
// JSON written by hand, side by side on the same PostgreSQL data. `make bench` runs it; docs/performance.md explains it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/bench/house"
	"github.com/cloakroom-crm/cloakroom/bench/question"
	"github.com/cloakroom-crm/cloakroom/bench/report"
	"github.com/cloakroom-crm/cloakroom/bench/trial"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) == 3 && args[0] == "serve" {
		return serve(ctx, question.Variant(args[1]), args[2])
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	people := f.Int("contacts", 50000, "contacts in the database")
	rounds := f.Int("rounds", 5, "turns of each variant at each question")
	duration := f.Duration("duration", 2*time.Second, "length of a turn")
	connections := f.Int("connections", 16, "connections that ask at the same time")
	only := f.String("only", "", "questions to ask, such as Q1,Q3; nothing is written then")
	flat := f.Bool("flat", false, "measure whether a page costs the same among 10,000, 100,000 and 1,000,000 contacts instead")
	overload := f.Bool("load", false, "measure what becomes of more load than can be borne instead")
	write := f.Bool("write", true, "write bench/results.json, docs/performance.svg and the tables of docs/performance.md")
	if err := f.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cloakroom-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o := trial.Options{Data: dir, People: *people, Rounds: *rounds, Duration: *duration, Connections: *connections, Log: os.Stderr}
	if *only != "" {
		o.Only, *write = strings.Split(*only, ","), false
	}
	if *flat {
		return measureFlat(ctx, o, *write)
	}
	busy := report.Load()
	url, drop, err := postgres.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop()) }()
	o.Database = url
	if *overload {
		return measureOverload(ctx, o, *write)
	}
	results, err := trial.Run(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprint(os.Stdout, report.Table(results))
	if *write {
		return report.Write(results, *rounds, *duration, busy)
	}
	return nil
}

func measureFlat(ctx context.Context, o trial.Options, write bool) error {
	result, err := trial.Flat(ctx, o, []int{10_000, 100_000, 1_000_000}, postgres.Open)
	if err != nil {
		return err
	}
	fmt.Fprint(os.Stdout, report.FlatTable(result))
	if write {
		return report.WriteFlat(result)
	}
	return nil
}

func measureOverload(ctx context.Context, o trial.Options, write bool) error {
	capacity, loads, err := trial.Overload(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprint(os.Stdout, report.OverloadTable(capacity, loads))
	if write {
		return report.WriteOverload(capacity, loads)
	}
	return nil
}

// serve is one variant. It ends when the process that started it does.
func serve(ctx context.Context, v question.Variant, dir string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return house.Run(ctx, v, os.Getenv(house.DatabaseVariable), dir, os.Stdout)
}
