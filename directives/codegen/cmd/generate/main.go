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
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	_, err := codegen.Generate(ctx, codegen.Options{Root: *root, Check: *check, AllowDrop: *drop, Out: os.Stderr})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
