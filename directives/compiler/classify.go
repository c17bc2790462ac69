package compiler

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// applies says which kinds of field each directive means something on. Elsewhere it would be ignored in silence, which
// for a directive that protects is the worst answer.
var applies = map[string][]ir.FieldKind{
	"pii":       {ir.Column, ir.Computed},
	"public":    {ir.Column, ir.Computed, ir.ToOne, ir.ToMany, ir.ID},
	"consent":   {ir.Column, ir.Computed, ir.ToOne, ir.ToMany},
	"access":    {ir.Column, ir.Computed, ir.ToOne, ir.ToMany},
	"purpose":   {ir.Column, ir.Computed, ir.ToOne, ir.ToMany},
	"retain":    {ir.Column},
	"unique":    {ir.Column, ir.ToOne},
	"index":     {ir.Column, ir.ToOne},
	"default":   {ir.Column},
	"immutable": {ir.Column, ir.ToOne},
	"format":    {ir.Column},
	"length":    {ir.Column},
	"computed":  {ir.Computed},
}

var kindNames = map[ir.FieldKind]string{ir.Column: "a column", ir.ID: "the identifier", ir.ToOne: "an edge", ir.ToMany: "a list", ir.Computed: "a computed field", ir.Plain: "a plain field"}

// classify reads what each field of an entity says about itself.
func (c *compiler) classify() {
	each(c.schema.Types, func(f *ir.Field) {
		fd := c.fields[f]
		if fd == nil || !f.Owner.Entity {
			return
		}
		for _, d := range fd.Directives {
			kinds, governed := applies[d.Name]
			if governed && !c.broken[d] && !slices.Contains(kinds, f.Kind) {
				c.report(ruleApplies, c.at(d.Position), fmt.Sprintf("@%s says nothing about %s, which is %s", d.Name, f.Coordinate(), kindNames[f.Kind]), "remove it")
				c.broken[d] = true
			}
		}
		c.personal(f, fd.Directives)
		c.column(f, fd.Directives)
	})
}

// personal reads @pii and @public.
func (c *compiler) personal(f *ir.Field, ds ast.DirectiveList) {
	pii, public := c.directive(ds, "pii"), c.directive(ds, "public")
	if mentioned(ds, "pii") && mentioned(ds, "public") {
		c.report(ruleBoth, c.at(ds.ForName("public").Position), fmt.Sprintf("%s is both @pii and @public", f.Coordinate()), "keep one: @pii for what says something about a person")
	}
	if public != nil {
		f.Public = &ir.Public{Because: text(public, "because"), Pos: c.pos(public.Position)}
		if strings.TrimSpace(f.Public.Because) == "" {
			c.report(ruleArgumentValue, c.valueAt(public, "because"), fmt.Sprintf("the reason why %s is public is empty", f.Coordinate()), "say why it is not personal data: the reason is part of the record")
		}
	}
	if pii == nil {
		return
	}
	f.Pii = &ir.Pii{
		Category:    text(pii, "category"),
		Sensitivity: ir.Sensitivity(ordinal("Sensitivity", text(pii, "sensitivity"))),
		Mask:        ir.Mask(ordinal("Mask", text(pii, "mask"))),
		Sealed:      text(pii, "store") == "SEALED" && f.Kind == ir.Column,
		Find:        ir.Find(ordinal("Find", text(pii, "find"))),
		Source:      text(pii, "source"),
		Pos:         c.pos(pii.Position),
	}
	if f.Pii.Sealed {
		f.Column = f.SealedColumn()
	}
	c.maskFits(f, pii)
	c.findFits(f, pii)
}

func textual(f *ir.Field) bool { return f.Scalar == ir.String }

// maskFits checks that the mask can be made from values of the field's type.
func (c *compiler) maskFits(f *ir.Field, pii *ast.Directive) {
	var fits bool
	switch f.Pii.Mask {
	case ir.Redact, ir.MaskNull:
		fits = true
	case ir.MaskYear:
		fits = f.Scalar == ir.DateTime || f.Scalar == ir.Date
	case ir.MaskGeneralize:
		fits = slices.Contains([]ir.Scalar{ir.String, ir.Int, ir.Float, ir.Decimal, ir.DateTime, ir.Date}, f.Scalar)
	default:
		fits = textual(f)
	}
	if !fits {
		remedy := "use REDACT or NULL, which show null"
		switch f.Scalar {
		case ir.Date, ir.DateTime:
			remedy = "use YEAR, GENERALIZE, REDACT or NULL"
		case ir.Int, ir.Float, ir.Decimal:
			remedy = "use GENERALIZE, REDACT or NULL"
		case ir.String:
			remedy = "use a mask for texts, for example REDACT or LAST4"
		}
		c.report(ruleMaskType, c.valueAt(pii, "mask"), fmt.Sprintf("mask %s cannot be made from %s, which is of type %s", text(pii, "mask"), f.Coordinate(), f.Type.Name), remedy)
	}
}

// findFits checks that the look-up declared is one the storage can answer.
func (c *compiler) findFits(f *ir.Field, pii *ast.Directive) {
	at, find := c.valueAt(pii, "find"), text(pii, "find")
	switch {
	case f.Pii.Find == ir.FindNone:
	case f.Kind == ir.Computed:
		c.report(ruleFind, at, fmt.Sprintf("%s is computed and cannot be looked up", f.Coordinate()), "put find on the fields it is made from")
	case f.Scalar == ir.JSON:
		c.report(ruleFind, at, fmt.Sprintf("%s is JSON and cannot be looked up", f.Coordinate()), "keep what is looked up in a field of its own")
	case f.Pii.Sealed && f.Pii.Find > ir.FindExact:
		c.report(ruleFind, at, fmt.Sprintf("find %s needs to read %s, which is sealed", find, f.Coordinate()), "use find: EXACT, or store: PLAIN, which shows the database the values")
	case f.Pii.Find == ir.FindPrefix && !textual(f):
		c.report(ruleFind, at, fmt.Sprintf("%s is of type %s and has no beginning to look up", f.Coordinate(), f.Type.Name), "use find: ORDER or EXACT")
	}
}

// column reads the directives about storage.
func (c *compiler) column(f *ir.Field, ds ast.DirectiveList) {
	f.Immutable = f.Immutable || c.directive(ds, "immutable") != nil
	for _, name := range []string{"unique", "index"} {
		d := c.directive(ds, name)
		if d == nil {
			continue
		}
		switch {
		case f.Scalar == ir.JSON && f.Kind == ir.Column:
			c.report(ruleApplies, c.at(d.Position), fmt.Sprintf("@%s says nothing about %s, which is JSON", name, f.Coordinate()), "remove it")
		case f.Pii != nil && f.Pii.Sealed && f.Pii.Find < ir.FindExact:
			c.report(ruleSealedIndex, c.at(d.Position), fmt.Sprintf("@%s compares values of %s, which is sealed", name, f.Coordinate()), "add find: EXACT to its @pii, which keeps a blind index, or remove it")
		}
	}
	f.Unique, f.Index = c.directive(ds, "unique") != nil, c.directive(ds, "index") != nil
	c.shape(f, ds)
	if d := c.directive(ds, "default"); d != nil {
		value := text(d, "value")
		if why := badDefault(f, value); why != "" {
			c.report(ruleDefault, c.valueAt(d, "value"), fmt.Sprintf("the default of %s %s", f.Coordinate(), why), defaultExample(f))
			return
		}
		f.Default = &value
		if f.OnUpdate = text(d, "onUpdate") == "true"; f.OnUpdate && (value != "now" || f.Immutable) {
			c.report(ruleDefault, c.valueAt(d, "onUpdate"), fmt.Sprintf("the default of %s cannot be written at every change", f.Coordinate()), "keep onUpdate for a DateTime or Date that is not @immutable, with value: \"now\"")
		}
	}
}

// shape reads @format and @length.
func (c *compiler) shape(f *ir.Field, ds ast.DirectiveList) {
	for _, name := range []string{"format", "length"} {
		if d := c.directive(ds, name); d != nil && !textual(f) {
			c.report(ruleTextOnly, c.at(d.Position), fmt.Sprintf("@%s is about texts, %s is of type %s", name, f.Coordinate(), f.Type.Name), "remove it, or make the field a String")
			c.broken[d] = true
		}
	}
	if d := c.directive(ds, "format"); d != nil {
		f.Format, f.Pattern = text(d, "as"), text(d, "pattern")
		if f.Format == "" && f.Pattern == "" {
			c.report(ruleMissingArgument, c.at(d.Position), "@format needs one of the arguments as and pattern", "add as: EMAIL, or pattern: \"[A-Z]{2}[0-9]+\"")
		}
		if _, err := regexp.Compile(f.Pattern); err != nil {
			c.report(rulePattern, c.valueAt(d, "pattern"), fmt.Sprintf("the pattern of %s is not a regular expression of RE2: %s", f.Coordinate(), strings.TrimPrefix(err.Error(), "error parsing regexp: ")), "see https://github.com/google/re2/wiki/Syntax; look-around and back-references do not exist there")
			f.Pattern = ""
		}
	}
	if d := c.directive(ds, "length"); d != nil {
		f.MinLen, f.MaxLen = number(d, "min"), number(d, "max")
		if f.MinLen < 0 || f.MaxLen < 1 || f.MinLen > f.MaxLen {
			c.report(ruleLength, c.at(d.Position), fmt.Sprintf("no text is at least %d and at most %d long", f.MinLen, f.MaxLen), "write @length(min: 1, max: 100) with min from 0 to max, and max at least 1")
		}
	}
}

// badDefault says what is wrong with a default; "" when it is a value of the field.
func badDefault(f *ir.Field, value string) string {
	var err error
	switch f.Scalar {
	case ir.String:
		runes := len([]rune(value))
		if f.MaxLen > 0 && (runes < f.MinLen || runes > f.MaxLen) {
			return "does not have the length its @length asks for"
		}
		if f.Pattern != "" && !regexp.MustCompile(`^(?:`+f.Pattern+`)$`).MatchString(value) {
			return "does not match its pattern"
		}
	case ir.Int:
		_, err = strconv.ParseInt(value, 10, 32)
	case ir.Float:
		// GraphQL has no infinities, and storage compares none.
		var n float64
		if n, err = strconv.ParseFloat(value, 64); err == nil && (n-n != 0) {
			return "is not finite"
		}
	case ir.Boolean:
		if value != "true" && value != "false" {
			return "is not true or false"
		}
	case ir.DateTime:
		if value != "now" {
			_, err = time.Parse(time.RFC3339, value)
		}
	case ir.Date:
		if value != "now" {
			_, err = time.Parse(time.DateOnly, value)
		}
	case ir.Decimal:
		_, ok := parseDecimal(value)
		if !ok {
			return "is not a decimal number with at most four places"
		}
	case ir.JSON:
		if !json.Valid([]byte(value)) {
			return "is not JSON"
		}
	case ir.EnumScalar:
		if f.Enum != nil && !f.Enum.Has(value) {
			return fmt.Sprintf("is %q, which is not a value of %s", value, f.Enum.Name)
		}
	}
	if err != nil {
		return fmt.Sprintf("is %q, which is not of type %s", value, f.Type.Name)
	}
	return ""
}

func defaultExample(f *ir.Field) string {
	switch f.Scalar {
	case ir.EnumScalar:
		if f.Enum != nil {
			names := make([]string, 0, len(f.Enum.Values))
			for _, v := range f.Enum.Values {
				names = append(names, v.Name)
			}
			return "use one of " + strings.Join(names, ", ")
		}
	case ir.DateTime:
		return `write "now" or a time such as "2026-11-24T09:00:00Z"`
	case ir.Date:
		return `write "now" or a day such as "2026-11-24"`
	case ir.Decimal:
		return `write a number such as "1250.5"`
	case ir.Boolean:
		return `write "true" or "false"`
	case ir.Int:
		return `write a whole number such as "0"`
	case ir.Float:
		return `write a number such as "0.5"`
	case ir.JSON:
		return `write JSON such as "{}"`
	}
	return "write a text that the field accepts"
}

var decimalPattern = regexp.MustCompile(`^-?[0-9]{1,14}(?:\.[0-9]{1,4})?$`)

// parseDecimal reads a Decimal exactly, as ten-thousandths.
func parseDecimal(s string) (int64, bool) {
	if !decimalPattern.MatchString(s) {
		return 0, false
	}
	whole, places, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole+(places + "0000")[:4], 10, 64)
	return n, err == nil
}

// decimalText is the shortest text of a number without an exponent.
func decimalText(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
