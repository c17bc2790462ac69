package api

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// AggregateField is the root field that counts and sums up rows of t.
func AggregateField(t *ir.Type) string { return t.Plural + "Aggregate" }

// Names of the types of AggregateField: a group, what its rows have in common, and the figures about them.
func Aggregate(t *ir.Type) string    { return t.Name + "Aggregate" }
func AggregateKey(t *ir.Type) string { return t.Name + "AggregateGroup" }
func AggregateSum(t *ir.Type) string { return t.Name + "AggregateSum" }
func AggregateAvg(t *ir.Type) string { return t.Name + "AggregateAvg" }
func AggregateMin(t *ir.Type) string { return t.Name + "AggregateMin" }
func AggregateMax(t *ir.Type) string { return t.Name + "AggregateMax" }

// CalendarUnit is the enum that says by what dates are grouped.
const CalendarUnit = "CalendarUnit"

// Groupable reports whether rows can be grouped by f. To group is to compare values, so personal data needs plain storage
// and `find`; a value that tells every row apart makes no groups.
func Groupable(f *ir.Field) bool {
	switch {
	case f.Kind == ir.ToOne:
		return Shown(f) && groups(f.Edge.Target)
	case f.Kind != ir.Column || f.Unique || f.Pii != nil && (f.Pii.Sealed || f.Pii.Find == ir.FindNone):
		return false
	}
	switch f.Scalar {
	case ir.String, ir.EnumScalar, ir.Boolean, ir.Int, ir.Date, ir.DateTime:
		return true
	}
	return false
}

// groups reports whether t has a column to group by: an edge alone could lead round in circles.
func groups(t *ir.Type) bool {
	for _, f := range t.Fields {
		if f.Kind == ir.Column && Groupable(f) {
			return true
		}
	}
	return false
}

// Dated reports whether f is grouped by a calendar unit.
func Dated(f *ir.Field) bool { return f.Scalar == ir.Date || f.Scalar == ir.DateTime }

// Summable reports whether f can be summed up and averaged: what can be summed can be compared.
func Summable(f *ir.Field) bool {
	return Ranked(f) && (f.Scalar == ir.Int || f.Scalar == ir.Float || f.Scalar == ir.Decimal)
}

// Ranked reports whether f has a smallest and a largest value. Personal data needs `find: ORDER`, as for Sortable.
func Ranked(f *ir.Field) bool {
	switch f.Scalar {
	case ir.Int, ir.Float, ir.Decimal, ir.Date, ir.DateTime:
		return Sortable(f)
	}
	return false
}

// Figures are the object types of a group that say something about a field, with the fields each has and their types.
func Figures(t *ir.Type) []Figure {
	var out []Figure
	add := func(name, typ, desc string, has func(*ir.Field) bool, as func(*ir.Field) string) {
		fig := Figure{Name: name, Type: typ, Desc: desc}
		for _, f := range t.Fields {
			if has(f) {
				fig.Fields = append(fig.Fields, FigureField{f, as(f)})
			}
		}
		if fig.Fields != nil {
			out = append(out, fig)
		}
	}
	scalar := func(f *ir.Field) string { return Filter{Scalar: f.Scalar}.valueType() }
	real := func(f *ir.Field) string { // a sum outgrows GraphQL's 32-bit Int
		if f.Scalar == ir.Int {
			return "Float"
		}
		return scalar(f)
	}
	add("sum", AggregateSum(t), "Sums of what is not null.", Summable, real)
	add("avg", AggregateAvg(t), "Means of what is not null.", Summable, real)
	add("min", AggregateMin(t), "Smallest values, earliest dates.", Ranked, scalar)
	add("max", AggregateMax(t), "Largest values, latest dates.", Ranked, scalar)
	return out
}

// Figure is one of sum, avg, min, max.
type Figure struct {
	Name, Type, Desc string
	Fields           []FigureField
}

// FigureField is a field a Figure is about.
type FigureField struct {
	Field *ir.Field
	Type  string
}
