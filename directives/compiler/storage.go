package compiler

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// tablePattern is what both databases take without quoting surprises; PostgreSQL cuts names at 63 bytes.
var tablePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// reservedColumns exist in every table, are words of every filter, or cannot be compiled as part of an Ent model.
var reservedColumns = map[string]string{
	"subject_id":    "keeps the person a row is about",
	"privacy_state": "keeps that person's consents and objections",
	"sealed_by":     "keeps whose key the row's cells are sealed with",
	"and":           "is a word of every filter",
	"or":            "is a word of every filter",
	"not":           "is a word of every filter",
	"edges":         "is a part of every model",
	"string":        "is a part of every model",
	"unwrap":        "is a part of every model",
	"update":        "is a part of every model",
	"columns":       "is a part of every model",
	"foreign_keys":  "is a part of every model",
	"valid_column":  "is a part of every model",
}

// reservedEnums cannot be the name of an enum column, which becomes a type in the model's package.
var reservedEnums = []string{"label", "table", "hooks", "policy", "interceptors", "order_option"}

// storage checks that tables, columns and root fields have names of their own.
func (c *compiler) storage() {
	tables, roots := map[string]*ir.Type{}, map[string]*ir.Type{}
	for _, t := range c.schema.Types {
		if !t.Entity {
			continue
		}
		switch other := tables[t.Table]; {
		case other != nil:
			c.report(ruleClash, c.typ(t), fmt.Sprintf("%s and %s would both be kept in the table %s", other.Name, t.Name, t.Table), "name another table: @entity(table: \"…\")")
		case t.Table == "consent_entries" || strings.HasPrefix(t.Table, "sqlite_") || strings.HasPrefix(t.Table, "pg_") || t.Table == "goose_db_version":
			c.report(ruleReserved, c.typ(t), fmt.Sprintf("the table %s of %s is kept for the system", t.Table, t.Name), "name another table: @entity(table: \"…\")")
		default:
			tables[t.Table] = t
		}
		for _, root := range []string{t.Singular, t.Plural, t.Plural + "Aggregate"} {
			if other := roots[root]; other != nil && other != t {
				c.report(ruleClash, c.typ(t), fmt.Sprintf("%s and %s would both be read as %s", other.Name, t.Name, root), "rename one of them")
			} else if slices.Contains(reservedOperations["Query"], root) {
				c.report(ruleReserved, c.typ(t), fmt.Sprintf("%s would be read as %s, which every API has", t.Name, root), "rename it")
			}
			roots[root] = t
		}
		c.columns(t)
	}
}

func (c *compiler) columns(t *ir.Type) {
	taken := map[string]*ir.Field{}
	claim := func(name string, f *ir.Field) {
		if other := taken[name]; other != nil && other != f {
			at := c.field(f)
			if f.Edge != nil && f.Edge.Hidden {
				at = c.field(f.Edge.Inverse)
			}
			c.report(ruleClash, at, fmt.Sprintf("%s and %s would both be called %s in storage", other.Coordinate(), f.Coordinate(), name), "rename one of them")
			return
		}
		taken[name] = f
	}
	for _, f := range t.Fields {
		name := snake(f.Name)
		if why := reservedColumns[name]; why != "" {
			c.report(ruleReserved, c.field(f), fmt.Sprintf("%s cannot be a field: %s %s", f.Coordinate(), name, why), "rename it")
			continue
		}
		if f.Kind == ir.Column && f.Scalar == ir.EnumScalar && slices.Contains(reservedEnums, name) {
			c.report(ruleReserved, c.field(f), fmt.Sprintf("%s cannot be an enum: %s is a part of every model", f.Coordinate(), name), "rename it")
			continue
		}
		if len(name) > 50 { // PostgreSQL cuts names at 63 bytes, and some get a suffix
			c.report(ruleReserved, c.field(f), fmt.Sprintf("the name of %s is too long for a column", f.Coordinate()), "use at most 50 letters")
			continue
		}
		claim(name, f)
		if f.Kind == ir.ToOne {
			claim(f.Column, f)
		}
		if f.Unique {
			claim(f.InstanceColumn(), f)
		}
		if f.Sealed() {
			claim(f.Column, f)
		}
		if f.Blind() {
			claim(f.IndexColumn(), f)
		}
	}
	c.affixed(t)
}

// columnNames and edgeNames are what Ent makes of a column and of an edge in the package of a model. A column that is
// called like one of them does not compile, such as `checkIn` beside `check`.
var (
	columnNames = strings.Fields(`field_* by_* *_eq *_neq *_in *_not_in *_gt *_gte *_lt *_lte *_contains *_contains_fold *_equal_fold
		*_has_prefix *_has_suffix *_is_nil *_not_nil *_validator`)
	edgeNames = strings.Fields(`has_* has_*_with edge_* query_* *_table *_column *_inverse_table *_primary_key by_* by_*_count by_*_field`)
)

func (c *compiler) affixed(t *ir.Type) {
	made := map[string]*ir.Field{}
	for _, f := range t.Fields {
		add := func(patterns []string, name string) {
			for _, p := range patterns {
				made[strings.Replace(p, "*", name, 1)] = f
			}
		}
		switch f.Kind {
		case ir.ToOne, ir.ToMany:
			add(edgeNames, snake(f.Name))
			if f.Column != "" {
				add(columnNames, f.Column)
			}
		case ir.ID:
			add(columnNames, f.Column)
			made["default_id"] = f
		case ir.Column:
			add(columnNames, f.Column)
			if f.Sealed() { // Ent knows it as bytes
				continue
			}
			if f.Default != nil {
				made["default_"+f.Column] = f
			}
			if f.Enum != nil {
				for _, v := range f.Enum.Values {
					made[f.Column+"_"+strings.ToLower(v.Name)] = f
				}
			}
		}
	}
	for _, f := range t.Fields {
		if other := made[f.Column]; f.Column != "" && other != nil && other != f && c.fields[f] != nil {
			c.report(ruleClash, c.field(f), fmt.Sprintf("%s would be confused with what storage makes of %s", f.Coordinate(), other.Coordinate()), "rename one of them")
		}
	}
}
