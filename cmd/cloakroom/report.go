package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

func newReport() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "report",
		Short: "write what people and authorities are told, from the schema",
	})
	c.AddCommand(newReportNotice())
	return c
}

type noticeFlags struct {
	schema, language, format, out, untranslated string
	json                                        bool
}

func newReportNotice() *cobra.Command {
	var f noticeFlags
	c := &cobra.Command{
		Use:   "notice",
		Short: "write the privacy notice",
		Long: `Write the privacy notice (GDPR Art. 12 to 14) that the schema makes: which data, why, on what basis, how long, who receives it,
and what people can do about it. It is written in the schema's own language, and in each other in which everything is said.

What the law wants and the schema does not say is on standard error. --untranslated prints what a language lacks, as
directives to fill in.`,
		Example: `  cloakroom report notice > notice.md
  cloakroom report notice --language de --format html --out datenschutz.html
  cloakroom report notice --json | jq '.purposes[].title'
  cloakroom report notice --untranslated fr > notice.fr.graphqls`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return reportNotice(c, f) },
	}
	c.Flags().StringVar(&f.schema, "schema", "", "file or directory of the schema (default: graph/schema, or the one built in)")
	c.Flags().StringVar(&f.language, "language", "", "BCP 47 (default: the schema's own)")
	complete(c, "language", completeLanguages)
	c.Flags().StringVar(&f.format, "format", "markdown", strings.Join(noticeFormats, ", "))
	complete(c, "format", oneOf(noticeFormats...))
	c.Flags().StringVar(&f.out, "out", "", "write it to this file")
	c.Flags().BoolVar(&f.json, "json", false, "print what the notice says as JSON")
	c.Flags().StringVar(&f.untranslated, "untranslated", "", "print what this `LANGUAGE` lacks")
	complete(c, "untranslated", oneOf(notice.FrameLanguages()...))
	c.MarkFlagsMutuallyExclusive("format", "json", "untranslated")
	c.MarkFlagsMutuallyExclusive("out", "json", "untranslated")
	return c
}

var noticeFormats = []string{"html", "markdown"}

func reportNotice(c *cobra.Command, f noticeFlags) error {
	if !slices.Contains(noticeFormats, f.format) {
		return fmt.Errorf("there is no format %q, use one of %s", f.format, strings.Join(noticeFormats, ", "))
	}
	s, err := compiled(f.schema)
	if err != nil {
		return err
	}
	if f.untranslated != "" {
		if !notice.Framed(f.untranslated) {
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "missing: a file for %q in privacy/notice/frame, which is what Cloakroom itself says\n", f.untranslated)
		}
		return printUntranslated(c.OutOrStdout(), f.untranslated, notice.Untranslated(s, f.untranslated))
	}
	if f.language == "" {
		f.language = s.Language
	}
	n, err := notice.New(s, f.language)
	if err != nil {
		return err
	}
	for _, m := range notice.Missing(s) {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "missing: "+m)
	}
	if f.json {
		return printJSON(c.OutOrStdout(), n)
	}
	text := n.Markdown()
	if f.format == "html" {
		if text, err = n.HTML(); err != nil {
			return err
		}
	}
	if f.out == "" {
		_, err = c.OutOrStdout().Write(text)
		return err
	}
	if err := os.WriteFile(f.out, text, 0o644); err != nil { //nolint:gosec // public text
		return fmt.Errorf("write the notice: %w", err)
	}
	return nil
}

// printUntranslated prints a schema extension to fill in. It does not compile as it is: an empty translation says nothing.
func printUntranslated(w io.Writer, tag string, texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	quoted := func(s string) string { return (&ast.Value{Kind: ast.StringValue, Raw: s}).String() }
	var b strings.Builder
	b.WriteString("extend schema\n")
	for _, t := range texts {
		fmt.Fprintf(&b, "  @translated(language: %s, of: %s, as: \"\")\n", quoted(tag), quoted(t))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func completeLanguages(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	s, ok := schemaOf(c)
	if !ok {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return offer(notice.Languages(s))
}
