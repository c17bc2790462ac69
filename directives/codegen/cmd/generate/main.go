// Command generate brings everything derived from graph/schema up to date. It is `cloakroom generate` for the moments when
// cloakroom itself does not build, and what go generate runs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/cloakroom-crm/cloakroom/directives/codegen"
)

func main() {
	root := flag.String("root", ".", "the module's root directory")
	check := flag.Bool("check", false, "change nothing; fail if anything is out of date")
	drop := flag.Bool("allow-drop", false, "let migrations delete tables and columns that are no longer in the schema")
	undo := flag.Bool("undo", false, "take back the migrations that are not committed yet")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *undo, codegen.Options{Root: *root, Check: *check, AllowDrop: *drop, Out: os.Stderr})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, undo bool, o codegen.Options) error {
	if !undo {
		_, err := codegen.Generate(ctx, o)
		return err
	}
	removed, err := codegen.Undo(ctx, o.Root)
	for _, f := range removed {
		fmt.Fprintln(os.Stderr, "removed", f)
	}
	return err
}
