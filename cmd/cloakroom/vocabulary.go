package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/cloakroom-crm/cloakroom/directives"
)

func newVocabulary() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "vocabulary",
		Short: "print the directives a schema is annotated with, for editors",
		Long: `Print the SDL of every directive, with a description on each argument. The compiler knows it by itself; editors complete
and check a schema with a copy of it. --write writes the copy and says how to tell the editor.`,
		Example: `  cloakroom vocabulary | less
  cloakroom vocabulary --json | jq '.directives[].name'
  cloakroom vocabulary --write .graphql/cloakroom.graphqls`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if asJSON {
				words, err := readVocabulary()
				if err != nil {
					return err
				}
				return printJSON(c.OutOrStdout(), words)
			}
			if file == "" {
				_, err := fmt.Fprint(c.OutOrStdout(), directives.Vocabulary)
				return err
			}
			if err := os.WriteFile(file, []byte(directives.Vocabulary), 0o644); err != nil { //nolint:gosec // public text
				return fmt.Errorf("write vocabulary: %w", err)
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), editorHint, file)
			return err
		},
	}
	c.Flags().StringVar(&file, "write", "", "write it to this file, outside "+schemaDir)
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON: directives, enums and scalars")
	c.MarkFlagsMutuallyExclusive("write", "json")
	return c
}

// editorHint is a GraphQL Config file (the-guild.dev/graphql/config), which the language servers read.
const editorHint = `# graphql.config.yml, beside go.mod: makes editors complete and check the schema
schema:
  - %s
  - ` + schemaDir + `/*.graphqls
`

// vocabulary is the vocabulary for programs that do not read SDL.
type vocabulary struct {
	Directives []directive `json:"directives"`
	Enums      []enum      `json:"enums"`
	Scalars    []named     `json:"scalars"`
}

type named struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type directive struct {
	named
	Arguments  []argument `json:"arguments"`
	Repeatable bool       `json:"repeatable"`
	Locations  []string   `json:"locations"`
}

type argument struct {
	named
	Type    string `json:"type"`
	Default string `json:"default,omitempty"` // as written in SDL
}

type enum struct {
	named
	Values []named `json:"values"`
}

func readVocabulary() (vocabulary, error) {
	doc, err := parser.ParseSchema(&ast.Source{Name: directives.VocabularyFile, Input: directives.Vocabulary})
	if err != nil {
		return vocabulary{}, fmt.Errorf("read the vocabulary: %w", err)
	}
	v := vocabulary{Directives: []directive{}, Enums: []enum{}, Scalars: []named{}}
	for _, d := range doc.Directives {
		out := directive{named{d.Name, oneLine(d.Description)}, []argument{}, d.IsRepeatable, []string{}}
		for _, a := range d.Arguments {
			arg := argument{named: named{a.Name, oneLine(a.Description)}, Type: a.Type.String()}
			if a.DefaultValue != nil {
				arg.Default = a.DefaultValue.String()
			}
			out.Arguments = append(out.Arguments, arg)
		}
		for _, l := range d.Locations {
			out.Locations = append(out.Locations, string(l))
		}
		v.Directives = append(v.Directives, out)
	}
	for _, d := range doc.Definitions {
		name := named{d.Name, oneLine(d.Description)}
		switch d.Kind {
		case ast.Enum:
			e := enum{name, []named{}}
			for _, value := range d.EnumValues {
				e.Values = append(e.Values, named{value.Name, oneLine(value.Description)})
			}
			v.Enums = append(v.Enums, e)
		case ast.Scalar:
			v.Scalars = append(v.Scalars, name)
		}
	}
	return v, nil
}
