package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

type queryFlags struct {
	viewer    viewer
	purpose   string
	variables string
	json      bool
}

func newQuery() *cobra.Command {
	var f queryFlags
	c := &cobra.Command{
		Use:   "query [flags] QUERY",
		Short: "ask one question and see why each field is as it is",
		Long: `Ask one question of the data directory, in process and by the same gateway that answers over HTTP. The answer is followed
by a table that says, for each field, what happened to it, by which rule, why, and what would change that.

QUERY may be - to read it from standard input. Exit code 1 means that the answer has errors.`,
		Example: `  cloakroom query --as SALES_REP --attr region=EMEA --purpose SALES '{ contacts(first: 3) { nodes { fullName email } } }'
  cloakroom query --as MARKETER --purpose MARKETING '{ contacts(first: 3) { nodes { fullName email } } }'
  cloakroom query --as ANALYST --json --purpose ANALYTICS - < question.graphql
  cloakroom query --as CUSTOMER --subject ID --purpose SELF_SERVICE '{ me { contacts { nodes { email } } } }'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, args []string) error { return query(c, f, args[0]) },
	}
	placeFlags(c)
	f.viewer.flags(c, "as")
	c.Flags().StringVar(&f.purpose, "purpose", "", "why you ask; needed when the role works for several purposes and QUERY has no @for")
	complete(c, "purpose", completePurposes("as"))
	c.Flags().StringVar(&f.variables, "variables", "", "variables as a JSON object")
	c.Flags().BoolVar(&f.json, "json", false, "print the response as the API sends it")
	return c
}

func query(c *cobra.Command, f queryFlags, text string) (err error) {
	q := house.Question{Query: text, Purpose: f.purpose}
	if text == "-" {
		all, err := readAll(c.Context(), c.InOrStdin())
		if err != nil {
			return fmt.Errorf("read the query: %w", err)
		}
		q.Query = string(all)
	}
	if q.Variables, err = parseVariables(f.variables); err != nil {
		return err
	}
	h, err := lookIntoHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	p, err := f.viewer.principal(c.Context(), h.Schema, h.SubjectOf)
	if err != nil {
		return err
	}
	resp, err := h.Ask(c.Context(), p, q)
	if err != nil {
		return err
	}
	show := showAnswer
	if f.json {
		show = showRaw
	}
	if err := show(c.OutOrStdout(), resp); err != nil {
		return err
	}
	if len(resp.Errors) > 0 {
		return errFindings
	}
	return nil
}

// parseVariables keeps numbers as written, as the HTTP door does.
func parseVariables(text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	var out map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return nil, errors.New(`--variables: want a JSON object, for example '{"id":"…"}'`)
	}
	return out, nil
}

func showRaw(w io.Writer, resp *graphql.Response) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(resp)
}

// showAnswer prints data, errors, and the reasons as a table.
func showAnswer(w io.Writer, resp *graphql.Response) error {
	var b bytes.Buffer
	if len(resp.Data) > 0 && string(resp.Data) != "null" {
		if err := json.Indent(&b, resp.Data, "", "  "); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
		b.WriteByte('\n')
	}
	for _, e := range resp.Errors {
		fmt.Fprintf(&b, "error %v: %s", e.Extensions["code"], e.Message)
		if len(e.Path) > 0 {
			fmt.Fprintf(&b, " (at %s)", e.Path)
		}
		for _, l := range e.Locations {
			fmt.Fprintf(&b, " (line %d, column %d)", l.Line, l.Column)
		}
		b.WriteByte('\n')
	}
	notes, _ := resp.Extensions["privacy"].([]read.Note)
	if len(notes) > 0 {
		rows := [][]string{{"PATH", "FIELD", "OUTCOME", "RULE", "REASON", "REMEDY"}}
		for _, n := range notes {
			rows = append(rows, []string{n.Path, n.Field, n.Outcome, n.Rule, string(n.Reason), n.Remedy})
		}
		b.WriteByte('\n')
		if err := printTable(&b, rows); err != nil {
			return err
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
