package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cloakroom-crm/cloakroom/server/house"
)

func newKeys() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "keys",
		Short: "look after the keys of sealed fields",
		Long: `Look after the keys of sealed fields: see how they are, rotate them, destroy those of people who are to be erased.
What lies where, and what to back up where, is in docs/keys.md.`,
		Example: `  cloakroom keys status
  cloakroom keys rotate && cloakroom keys rewrap && cloakroom keys destroy --version 1
  cloakroom keys destroy --subject ID --because "request 4711"`,
	})
	c.AddCommand(newKeysStatus(), newKeysRotate(), newKeysRewrap(), newKeysDestroy(), newKeysConvert(), newKeysReplay())
	return c
}

// keysCommand is a command over the keys of a data directory that is there. Each can say what it did as JSON.
func keysCommand(c *cobra.Command, run func(c *cobra.Command, asJSON bool) error) *cobra.Command {
	var asJSON bool
	c.Args = cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error { return run(c, asJSON) }
	placeFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// holdHouse is lookIntoHouse that leaves what was restored as it is: for commands that tell about it.
func holdHouse(c *cobra.Command) (*house.House, error) {
	o, err := houseOptions(c)
	if err != nil {
		return nil, err
	}
	o.Existing, o.Hold = true, true
	return house.Open(c.Context(), o)
}

// hint says what to know or to do next, beside the output.
func hint(c *cobra.Command, format string, args ...any) {
	_, _ = fmt.Fprintf(c.ErrOrStderr(), format+"\n", args...)
}

// sayOr prints the lines, or v as JSON.
func sayOr(c *cobra.Command, asJSON bool, v any, lines ...string) error {
	if asJSON {
		return printJSON(c.OutOrStdout(), v)
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), strings.Join(lines, "\n"))
	return err
}

// errStopped ends a job that was interrupted. Each of them commits piece by piece.
var errStopped = errors.New("stopped at a safe point: run it again to go on")

// orStopped is the error of a job, or errStopped if somebody interrupted it: databases report that in words of their own.
func orStopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errStopped
	}
	return err
}

// count is a number with its noun: `1 key`, `2 keys`.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// confirmation is the word that must be typed.
const confirmation = "destroy"

var (
	errNotAsked   = errors.New("nothing was destroyed: there is no terminal to ask at; --yes says that you mean it")
	errNotMeant   = errors.New("nothing was destroyed: the word was another one")
	errNoLineCame = errors.New("nothing was destroyed: no word came")
)

// confirm asks a person at a terminal whether they mean it.
func confirm(c *cobra.Command, what string) error {
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errNotAsked
	}
	if out, ok := c.ErrOrStderr().(*os.File); !ok || !term.IsTerminal(int(out.Fd())) {
		return errNotAsked // a question nobody sees
	}
	if _, err := fmt.Fprintf(c.ErrOrStderr(), "%s\nType %s to go on: ", what, confirmation); err != nil {
		return err
	}
	word, err := readLine(c.Context(), in)
	switch {
	case err != nil:
		return errNoLineCame
	case strings.TrimSpace(word) != confirmation:
		return errNotMeant
	}
	return nil
}
