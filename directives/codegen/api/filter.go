package api

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// Class says how much of a value a filter may ask about.
type Class uint8

const (
	// NoFilter: the field cannot be asked about.
	NoFilter Class = iota
	// Exact: equality only. It is all a blind index over sealed cells can answer.
	Exact
	// Prefix adds beginnings of texts.
	Prefix
	// Ordered adds comparison.
	Ordered
	// Full is everything the scalar allows, for fields that are not personal data.
	Full
)

// Filter is an input type that asks about one field.
type Filter struct {
	Scalar ir.Scalar
	Enum   *ir.Enum // of EnumScalar
	Class  Class
}

// FilterOf returns the filter of a column, or ok false if it cannot be asked about.
func FilterOf(f *ir.Field) (filter Filter, ok bool) {
	if f.Kind == ir.ID {
		return Filter{Scalar: ir.UUID, Class: Exact}, true
	}
	if f.Kind != ir.Column || f.Scalar == ir.JSON {
		return Filter{}, false
	}
	filter = Filter{Scalar: f.Scalar, Enum: f.Enum, Class: class(f)}
	return filter, filter.Class != NoFilter
}

func class(f *ir.Field) Class {
	if f.Pii == nil {
		return Full
	}
	find := f.Pii.Find
	if f.Pii.Sealed {
		find = min(find, ir.FindExact)
	}
	switch find {
	case ir.FindNone:
		return NoFilter
	case ir.FindPrefix:
		if f.Scalar == ir.String {
			return Prefix
		}
		return Exact
	case ir.FindOrder:
		if f.Scalar == ir.Boolean || f.Scalar == ir.EnumScalar {
			return Exact
		}
		return Ordered
	default:
		return Exact
	}
}

// Sortable reports whether lists of f's type can be ordered by it. Order leaks comparison, so personal data needs
// `find: ORDER`, which the compiler grants to plain storage alone.
func Sortable(f *ir.Field) bool {
	if f.Kind != ir.Column || f.Scalar == ir.JSON {
		return false
	}
	return f.Pii == nil || !f.Pii.Sealed && f.Pii.Find == ir.FindOrder
}

// Name is the filter's name in the SDL: the scalar's or enum's, and what of it if that is not everything.
func (f Filter) Name() string {
	if f.Scalar == ir.UUID {
		return "IDFilter"
	}
	return f.valueType() + map[Class]string{Exact: "Exact", Prefix: "Prefix", Ordered: "Ordered", Full: ""}[f.Class] + "Filter"
}

// Ops are the filter's fields with their types, in the order the SDL lists them.
func (f Filter) Ops() []Op {
	v := f.valueType()
	list := "[" + v + "!]"
	op := func(name, typ string) Op { return Op{name, typ, operators[name]} }
	ops := []Op{op("eq", v), op("in", list)}
	if f.Scalar == ir.UUID {
		return ops
	}
	comparable := f.Scalar != ir.Boolean && f.Scalar != ir.EnumScalar
	if f.Class == Full {
		if f.Scalar == ir.Boolean {
			ops = []Op{op("eq", v)}
		}
		ops = append(ops, op("ne", v))
		if f.Scalar != ir.Boolean {
			ops = append(ops, op("notIn", list))
		}
		if f.Scalar == ir.String {
			ops = append(ops, op("contains", v))
		}
	}
	if f.Scalar == ir.String && f.Class >= Prefix {
		ops = append(ops, op("startsWith", v))
	}
	if f.Class == Ordered && comparable || f.Class == Full && comparable && f.Scalar != ir.String {
		ops = append(ops, op("lt", v), op("lte", v), op("gt", v), op("gte", v))
	}
	return append(ops, op("isNull", "Boolean"))
}

// Op is one field of a filter.
type Op struct {
	Name string
	Type string
	Desc string
}

// operators describes each comparison.
var operators = map[string]string{
	"eq":         "Equal to this; null finds what is null.",
	"ne":         "Different from this, and not null; null finds what is not null.",
	"in":         "Equal to one of these, 1000 at most.",
	"notIn":      "Different from all of these, and not null.",
	"contains":   "Has this in it, letter by letter.",
	"startsWith": "Begins with this, letter by letter.",
	"lt":         "Less than this.",
	"lte":        "Less than this, or equal.",
	"gt":         "Greater than this.",
	"gte":        "Greater than this, or equal.",
	"isNull":     "Whether it is null.",
}

func (f Filter) valueType() string {
	switch f.Scalar {
	case ir.Int:
		return "Int"
	case ir.Float:
		return "Float"
	case ir.Boolean:
		return "Boolean"
	case ir.DateTime:
		return "DateTime"
	case ir.Date:
		return "Date"
	case ir.Decimal:
		return "Decimal"
	case ir.EnumScalar:
		return f.Enum.Name
	case ir.UUID:
		return "ID"
	default:
		return "String"
	}
}
