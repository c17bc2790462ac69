package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

type explainFlags struct {
	role, purpose, schema string
	all, json             bool
}

func newExplain() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain TYPE[.FIELD]",
		Short: "what each role sees of a field, for which purpose, and why",
		Long: `Say what each role sees of a field, for each purpose it works for, and why: the same functions decide here and in queries.
Of a type, all its fields are listed. Nothing is read but the schema.

"MASK→REVEAL by consent" means that the person decides: without their consent the first, with it the second. Where a whole
record exists by consent only, that is HIDE_ROW→REVEAL. "below …" says what a session sees that has not proved enough (step-up).
Refusals are listed for purposes the role works for, for others with
--all or when both --role and --purpose are named.`,
		Example: `  cloakroom explain Contact.email
  cloakroom explain Contact --role MARKETER --purpose MARKETING
  cloakroom explain Contact.birthday --all --json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: matching(completeCoordinates),
		RunE:              func(c *cobra.Command, args []string) error { return explain(c, f, args[0]) },
	}
	c.Flags().StringVar(&f.role, "role", "", "this role only")
	c.Flags().StringVar(&f.purpose, "purpose", "", "this purpose only")
	complete(c, "role", completeRoles)
	complete(c, "purpose", completePurposes("role"))
	c.Flags().BoolVar(&f.all, "all", false, "also purposes the role does not work for")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	c.Flags().StringVar(&f.schema, "schema", "", "file or directory of the schema (default as for lint)")
	return c
}

// explained is one line of the matrix.
type explained struct {
	Field     string     `json:"field"`
	Role      string     `json:"role"`
	Purpose   string     `json:"purpose"`
	Outcome   string     `json:"outcome"`
	Otherwise string     `json:"withoutConsent,omitempty"`
	StepUp    string     `json:"stepUp,omitempty"` // what a session has to prove for this
	Below     string     `json:"withoutStepUp,omitempty"`
	Gate      *gate      `json:"gate,omitempty"` // why, without consent
	Rule      string     `json:"rule"`
	Reason    string     `json:"reason"`
	Text      string     `json:"text"`
	Remedy    string     `json:"remedy,omitempty"`
	Where     [][]string `json:"where,omitempty"` // of each element one must hold
}

// gate is what happens without a person's consent, and why.
type gate struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	Text   string `json:"text"`
	Remedy string `json:"remedy"`
}

func explain(c *cobra.Command, f explainFlags, what string) error {
	s, err := compiled(f.schema)
	if err != nil {
		return err
	}
	if err := f.check(s); err != nil {
		return err
	}
	fields, err := fieldsOf(s, what)
	if err != nil {
		return err
	}
	lines := []explained{}
	for _, field := range fields {
		for _, e := range policy.Matrix(s, field) {
			if f.wants(e) {
				lines = append(lines, line(field, e))
			}
		}
	}
	if f.json {
		return printJSON(c.OutOrStdout(), lines)
	}
	return showMatrix(c.OutOrStdout(), lines, len(fields) > 1)
}

func compiled(dir string) (*ir.Schema, error) {
	var args []string
	if dir != "" {
		args = []string{dir}
	}
	sources, err := loadSchema(args)
	if err != nil {
		return nil, err
	}
	s, found := compiler.Compile(sources)
	if len(found) > 0 {
		return nil, fmt.Errorf("the schema does not compile (%d findings, see cloakroom lint): %s", len(found), found[0])
	}
	return s, nil
}

func (f explainFlags) check(s *ir.Schema) error {
	if f.role != "" && s.Role(f.role) == nil {
		return fmt.Errorf("the schema has no role %q; it has %s", f.role, roles(s))
	}
	if f.purpose != "" && s.Purpose(f.purpose) == nil {
		return fmt.Errorf("the schema has no purpose %q", f.purpose)
	}
	return nil
}

func (f explainFlags) wants(e policy.Entry) bool {
	return (f.role == "" || f.role == e.Role.Name) && (f.purpose == "" || f.purpose == e.Purpose.Name) &&
		(f.all || f.role != "" && f.purpose != "" || e.Why.Reason != policy.ReasonPurposeClearance)
}

// fieldsOf reads a schema coordinate: a type's classified fields, or one field.
func fieldsOf(s *ir.Schema, what string) ([]*ir.Field, error) {
	name, field, one := strings.Cut(what, ".")
	t := s.Type(name)
	if t == nil {
		var have []string
		for _, t := range s.Entities() {
			have = append(have, t.Name)
		}
		slices.Sort(have)
		return nil, fmt.Errorf("the schema has no type %q; its records are %s", name, strings.Join(have, ", "))
	}
	if one {
		f := t.Field(field)
		if f == nil {
			return nil, fmt.Errorf("%s has no field %q", name, field)
		}
		return []*ir.Field{f}, nil
	}
	var out []*ir.Field
	for _, f := range t.Fields {
		if f.Kind != ir.ID && f.Edge == nil {
			out = append(out, f)
		}
	}
	return out, nil
}

func line(f *ir.Field, e policy.Entry) explained {
	l := explained{Field: f.Coordinate(), Role: e.Role.Name, Purpose: e.Purpose.Name, Outcome: e.Outcome.String(),
		Rule: e.Why.Rule, Reason: string(e.Why.Reason), Text: e.Why.Text, Remedy: e.Why.Remedy, Where: e.Where}
	if !e.StepUp.IsZero() {
		l.StepUp, l.Below = e.StepUp.String(), e.Below.String()
	}
	if e.Gated != nil {
		l.Otherwise = e.Gated.Outcome.String()
		if e.RowHidden {
			l.Otherwise = ir.OtherwiseHideRow.String()
		}
		l.Gate = &gate{e.Gated.Rule, string(e.Gated.Reason), e.Gated.Text, e.Gated.Remedy}
	}
	return l
}

func showMatrix(w io.Writer, lines []explained, several bool) error {
	head := []string{"ROLE", "PURPOSE", "OUTCOME", "RULE", "REASON", "ROWS", "REMEDY"}
	if several {
		head = append([]string{"FIELD"}, head...)
	}
	rows := [][]string{head}
	for _, l := range lines {
		outcome, remedy := l.Outcome, l.Remedy
		if l.Otherwise != "" && l.Otherwise != l.Outcome {
			outcome, remedy = l.Otherwise+"→"+l.Outcome+" by consent", l.Gate.Remedy
		}
		if l.StepUp != "" {
			outcome += ", below " + l.StepUp + " " + l.Below
		}
		row := []string{l.Role, l.Purpose, outcome, l.Rule, l.Reason, where(l.Where), remedy}
		if several {
			row = append([]string{l.Field}, row...)
		}
		rows = append(rows, row)
	}
	return printTable(w, rows)
}

// where renders the conditions on rows; none means every row the type has for this purpose.
func where(all [][]string) string {
	parts := make([]string, 0, len(all))
	for _, any := range all {
		text := strings.Join(any, " || ")
		if len(all) > 1 && len(any) > 1 {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " && ")
}
