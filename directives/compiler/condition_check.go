package compiler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"github.com/google/uuid"

	celast "cel.dev/cel-go/common/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// checker types a CEL expression over the rows of a type and reduces it to what SQL decides.
type checker struct {
	c     *compiler
	row   *ir.Type
	quote quote
	info  *celast.SourceInfo
}

// whenError is why an expression cannot be a condition.
type whenError struct {
	rule            string
	at              span
	message, remedy string
}

func (e *whenError) Error() string { return e.message }

func (k *checker) fail(rule string, e celast.Expr, message, remedy string) error {
	start, end := extent(k.info, e)
	return &whenError{rule, k.quote.span(start, end), message, remedy}
}

func (k *checker) pos(e celast.Expr) ir.Pos {
	start, end := extent(k.info, e)
	return k.quote.span(start, end).pos()
}

var comparisons = map[string]ir.ExprOp{operators.Equals: ir.OpEq, operators.NotEquals: ir.OpNe, operators.Less: ir.OpLt,
	operators.LessEquals: ir.OpLe, operators.Greater: ir.OpGt, operators.GreaterEquals: ir.OpGe}

const canDo = "a condition compares fields of row, attributes of viewer, now and constants with == != < <= > >= in, joined by && || !"

// condition reduces an expression that is true, false or unknown.
func (k *checker) condition(e celast.Expr) (*ir.Expr, error) {
	switch e.Kind() {
	case celast.CallKind:
		call := e.AsCall()
		name := call.FunctionName()
		if op, ok := comparisons[name]; ok && !call.IsMemberFunction() {
			return k.comparison(e, op)
		}
		switch name {
		case operators.LogicalAnd:
			return k.junction(e, ir.OpAnd)
		case operators.LogicalOr:
			return k.junction(e, ir.OpOr)
		case operators.LogicalNot:
			arg, err := k.condition(call.Args()[0])
			if err != nil {
				return nil, err
			}
			return &ir.Expr{Op: ir.OpNot, Args: []*ir.Expr{arg}, Scalar: ir.Boolean, Pos: k.pos(e)}, nil
		case operators.In:
			return k.membership(e)
		}
		return nil, k.untranslatable(e)
	case celast.LiteralKind:
		if b, ok := e.AsLiteral().(types.Bool); ok {
			return nil, k.fail(ruleWhenType, e, fmt.Sprintf("%t here is always the same", bool(b)), "remove this part")
		}
		return nil, k.fail(ruleWhenType, e, "a constant is not a condition", "compare it with a field, for example row.region == \"EMEA\"")
	case celast.SelectKind, celast.IdentKind:
		// A true-or-false value alone is spelt out, so that everything downstream knows comparisons only.
		x, err := k.operand(e)
		if err != nil {
			return nil, err
		}
		if x.Op == ir.OpViewer {
			x.Scalar = ir.Boolean
		}
		if x.Scalar != ir.Boolean {
			return nil, k.fail(ruleWhenType, e, fmt.Sprintf("%s is %s, not a condition", k.name(x), scalarName(x.Scalar)), "compare it with something")
		}
		yes := &ir.Expr{Op: ir.OpConst, Value: true, Scalar: ir.Boolean, Pos: x.Pos}
		return &ir.Expr{Op: ir.OpEq, Args: []*ir.Expr{x, yes}, Scalar: ir.Boolean, Pos: x.Pos}, nil
	}
	return nil, k.untranslatable(e)
}

// junction flattens a chain of one operator.
func (k *checker) junction(e celast.Expr, op ir.ExprOp) (*ir.Expr, error) {
	out := &ir.Expr{Op: op, Scalar: ir.Boolean, Pos: k.pos(e)}
	for _, a := range e.AsCall().Args() {
		arg, err := k.condition(a)
		if err != nil {
			return nil, err
		}
		if arg.Op == op {
			out.Args = append(out.Args, arg.Args...)
		} else {
			out.Args = append(out.Args, arg)
		}
	}
	return out, nil
}

func isNull(e celast.Expr) bool {
	return e.Kind() == celast.LiteralKind && e.AsLiteral() == types.NullValue
}

func (k *checker) comparison(e celast.Expr, op ir.ExprOp) (*ir.Expr, error) {
	args := e.AsCall().Args()
	for i, a := range args {
		if isNull(a) {
			return k.nullTest(e, args[1-i], op)
		}
	}
	x, err := k.operand(args[0])
	if err != nil {
		return nil, err
	}
	y, err := k.operand(args[1])
	if err != nil {
		return nil, err
	}
	if err := k.agree(e, x, y); err != nil {
		return nil, err
	}
	if op != ir.OpEq && op != ir.OpNe && !ordered(x.Scalar) {
		return nil, k.fail(ruleWhenType, e, fmt.Sprintf("%s has no order", scalarName(x.Scalar)), "use == or !=")
	}
	return &ir.Expr{Op: op, Args: []*ir.Expr{x, y}, Scalar: ir.Boolean, Pos: k.pos(e)}, nil
}

func (k *checker) nullTest(e, of celast.Expr, op ir.ExprOp) (*ir.Expr, error) {
	if op != ir.OpEq && op != ir.OpNe {
		return nil, k.fail(ruleWhenType, e, "null has no order", "use == or !=")
	}
	x, err := k.operand(of)
	if err != nil {
		return nil, err
	}
	if x.Op != ir.OpRow && x.Op != ir.OpViewer {
		return nil, k.fail(ruleWhenType, of, "this is never null", "compare a field of row or an attribute of viewer with null")
	}
	out := &ir.Expr{Op: ir.OpIsNull, Args: []*ir.Expr{x}, Scalar: ir.Boolean, Pos: k.pos(e)}
	if op == ir.OpNe {
		out = &ir.Expr{Op: ir.OpNot, Args: []*ir.Expr{out}, Scalar: ir.Boolean, Pos: out.Pos}
	}
	return out, nil
}

func (k *checker) membership(e celast.Expr) (*ir.Expr, error) {
	args := e.AsCall().Args()
	x, err := k.operand(args[0])
	if err != nil {
		return nil, err
	}
	out := &ir.Expr{Op: ir.OpIn, Scalar: ir.Boolean, Pos: k.pos(e)}
	if args[1].Kind() == celast.ListKind {
		elements := args[1].AsList().Elements()
		if len(elements) == 0 {
			return nil, k.fail(ruleWhenType, args[1], "nothing is in an empty list", "name the values")
		}
		set := &ir.Expr{Op: ir.OpList, Pos: k.pos(args[1])}
		for _, el := range elements {
			y, err := k.operand(el)
			if err != nil {
				return nil, err
			}
			if y.Op != ir.OpConst {
				return nil, k.fail(ruleWhenUntranslatable, el, "a list holds constants only", "write a || b for other values")
			}
			if err := k.agree(el, x, y); err != nil {
				return nil, err
			}
			if len(set.Args) > 0 && set.Args[0].Scalar != y.Scalar {
				return nil, k.fail(ruleWhenType, el, "the list mixes types", "compare values of one type")
			}
			set.Args = append(set.Args, y)
		}
		set.Scalar = x.Scalar
		out.Args = []*ir.Expr{x, set}
		return out, nil
	}
	set, err := k.operand(args[1])
	if err != nil {
		return nil, err
	}
	if set.Op != ir.OpViewer || slices.Contains(builtins, set.Attr) {
		return nil, k.fail(ruleWhenType, args[1], "this is not a list", "use a list of constants, [\"EMEA\", \"APAC\"], or an attribute of viewer that is one")
	}
	if x.Op == ir.OpViewer {
		return nil, k.fail(ruleWhenType, e, "what both attributes are cannot be told", "compare an attribute of viewer with a field of row or a constant")
	}
	set.List, set.Scalar = true, x.Scalar
	out.Args = []*ir.Expr{x, set}
	return out, nil
}

// operand reduces an expression that has a value.
func (k *checker) operand(e celast.Expr) (*ir.Expr, error) {
	switch e.Kind() {
	case celast.LiteralKind:
		return k.literal(e)
	case celast.IdentKind:
		if e.AsIdent() == "now" {
			return &ir.Expr{Op: ir.OpNow, Scalar: ir.DateTime, Pos: k.pos(e)}, nil
		}
		return nil, k.unknownName(e)
	case celast.SelectKind:
		return k.path(e)
	case celast.CallKind:
		call := e.AsCall()
		if call.FunctionName() == "timestamp" && !call.IsMemberFunction() && len(call.Args()) == 1 {
			return k.timestamp(e, call.Args()[0])
		}
	}
	return nil, k.untranslatable(e)
}

func (k *checker) unknownName(e celast.Expr) error {
	name := e.AsIdent()
	if name == "row" || name == "viewer" {
		return k.fail(ruleWhenType, e, name+" is not a value", fmt.Sprintf("name something of it, for example %s.region", name))
	}
	remedy := suggest(name, []string{"row", "viewer", "now"})
	if fieldOf(k.row, name) != nil {
		remedy = "write row." + name
	}
	return k.fail(ruleWhenName, e, fmt.Sprintf("there is no %s here", name), remedy)
}

func (k *checker) literal(e celast.Expr) (*ir.Expr, error) {
	out := &ir.Expr{Op: ir.OpConst, Pos: k.pos(e)}
	switch v := e.AsLiteral().(type) {
	case types.String:
		out.Value, out.Scalar = string(v), ir.String
	case types.Int:
		out.Value, out.Scalar = int64(v), ir.Int
	case types.Double:
		out.Value, out.Scalar = float64(v), ir.Float
	case types.Bool:
		out.Value, out.Scalar = bool(v), ir.Boolean
	case types.Null:
		return nil, k.fail(ruleWhenType, e, "null equals nothing here", "compare with null by == or !=")
	default:
		return nil, k.fail(ruleWhenUntranslatable, e, "this kind of constant has no column to be compared with", "use a text, a number, true or false, or timestamp(\"…\")")
	}
	return out, nil
}

func (k *checker) timestamp(e, arg celast.Expr) (*ir.Expr, error) {
	text, ok := types.String(""), false
	if arg.Kind() == celast.LiteralKind {
		text, ok = arg.AsLiteral().(types.String)
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if !ok || err != nil {
		return nil, k.fail(ruleWhenType, arg, "timestamp needs a constant time as in RFC 3339", `write timestamp("2026-11-24T09:00:00Z")`)
	}
	return &ir.Expr{Op: ir.OpConst, Value: at.UTC(), Scalar: ir.DateTime, Pos: k.pos(e)}, nil
}

// builtins are attributes every viewer has.
var builtins = []string{"id", "role", "subject"}

// path reduces row.a.b and viewer.a.
func (k *checker) path(e celast.Expr) (*ir.Expr, error) {
	var steps []celast.Expr
	at := e
	for at.Kind() == celast.SelectKind {
		steps = append(steps, at)
		at = at.AsSelect().Operand()
	}
	if at.Kind() != celast.IdentKind {
		return nil, k.untranslatable(at)
	}
	slices.Reverse(steps)
	switch root := strings.TrimPrefix(at.AsIdent(), "."); root {
	case "viewer":
		if len(steps) > 1 {
			return nil, k.fail(ruleWhenUntranslatable, e, "attributes of viewer have no parts", "use a plain attribute, for example viewer.region")
		}
		return &ir.Expr{Op: ir.OpViewer, Attr: steps[0].AsSelect().FieldName(), Pos: k.pos(e)}, nil
	case "row":
		return k.column(e, steps)
	case "now":
		return nil, k.fail(ruleWhenUntranslatable, e, "now has no parts", "compare it with a DateTime or Date")
	}
	return nil, k.unknownName(at)
}

func (k *checker) column(e celast.Expr, steps []celast.Expr) (*ir.Expr, error) {
	t := k.row
	out := &ir.Expr{Op: ir.OpRow, Pos: k.pos(e)}
	for i, step := range steps {
		name := step.AsSelect().FieldName()
		f := fieldOf(t, name)
		readable := func(f *ir.Field) bool {
			return f.Stored() && f.Scalar != ir.JSON && (f.Edge == nil || !f.Edge.Hidden) && (f.Pii == nil || !f.Pii.Sealed)
		}
		if f == nil || f.Edge != nil && f.Edge.Hidden {
			return nil, k.fail(ruleWhenName, step, fmt.Sprintf("%s has no field %s", t.Name, name), suggest(name, fieldNames(t, readable)))
		}
		last := i == len(steps)-1
		switch {
		case f.Kind == ir.ToMany:
			return nil, k.fail(ruleWhenUntranslatable, step, fmt.Sprintf("%s is a list", f.Coordinate()), "follow edges to one record only, or keep the deciding fact in a field of this type")
		case f.Kind == ir.Computed:
			return nil, k.fail(ruleWhenUntranslatable, step, fmt.Sprintf("%s is computed and not stored", f.Coordinate()), "use the fields it is made from")
		case f.Kind == ir.Column && f.Scalar == ir.JSON:
			return nil, k.fail(ruleWhenUntranslatable, step, fmt.Sprintf("%s is JSON", f.Coordinate()), "keep the deciding fact in a field of its own")
		case f.Pii != nil && f.Pii.Sealed:
			return nil, k.fail(ruleWhenSealed, step, fmt.Sprintf("%s is sealed, SQL cannot read it", f.Coordinate()), "use another field, or classify it with store: PLAIN or @public")
		case !last && f.Kind != ir.ToOne:
			return nil, k.fail(ruleWhenType, steps[i+1], fmt.Sprintf("%s is a value, it has no %s", f.Coordinate(), steps[i+1].AsSelect().FieldName()), "compare the value itself")
		}
		out.Path = append(out.Path, f)
		out.Scalar = f.Scalar
		if f.Kind == ir.ToOne {
			t, out.Scalar = f.Edge.Target, ir.UUID
		}
	}
	if n := len(out.Path); n > 1 && out.Path[n-1].Kind == ir.ID {
		out.Path = out.Path[:n-1] // the key says the same without a join
	}
	return out, nil
}

// agree makes two operands one type, or says why they are not. An attribute of viewer takes the other operand's type.
func (k *checker) agree(e celast.Expr, x, y *ir.Expr) error {
	if fixed(x) && fixed(y) {
		return k.fail(ruleWhenType, e, "both sides are constants", "compare with a field of row or an attribute of viewer")
	}
	switch {
	case x.Op == ir.OpViewer && y.Op == ir.OpViewer:
		if slices.Contains(builtins, x.Attr) || slices.Contains(builtins, y.Attr) {
			x.Scalar, y.Scalar = ir.String, ir.String
			return nil
		}
		return k.fail(ruleWhenType, e, "what both attributes are cannot be told", "compare an attribute of viewer with a field of row or a constant")
	case x.Op == ir.OpViewer:
		return k.attribute(e, x, y)
	case y.Op == ir.OpViewer:
		return k.attribute(e, y, x)
	case y.Op == ir.OpConst || y.Op == ir.OpNow:
		return k.convert(e, y, x)
	case x.Op == ir.OpConst || x.Op == ir.OpNow:
		return k.convert(e, x, y)
	case x.Scalar != y.Scalar && !(numeric(x.Scalar) && numeric(y.Scalar)):
		return k.mismatch(e, x, y)
	case x.Scalar == ir.EnumScalar && enumOf(x) != enumOf(y):
		return k.mismatch(e, x, y)
	}
	return nil
}

func fixed(x *ir.Expr) bool { return x.Op == ir.OpConst || x.Op == ir.OpNow }

func (k *checker) attribute(e celast.Expr, viewer, other *ir.Expr) error {
	viewer.Scalar = other.Scalar
	builtin := slices.Contains(builtins, viewer.Attr)
	if builtin && viewer.Scalar != ir.String && viewer.Scalar != ir.EnumScalar && viewer.Scalar != ir.UUID {
		return k.fail(ruleWhenType, e, fmt.Sprintf("viewer.%s is a text, %s is %s", viewer.Attr, k.name(other), scalarName(other.Scalar)), "compare it with a text or an identifier")
	}
	if viewer.Attr == "role" && other.Op == ir.OpConst {
		if role, _ := other.Value.(string); k.c.roles[role] == nil {
			return k.fail(ruleWhenType, e, fmt.Sprintf("%q is not a value of Role", other.Value), suggest(role, k.roleNames()))
		}
	}
	return nil
}

func (k *checker) roleNames() []string {
	var out []string
	for _, r := range k.c.schema.Roles {
		out = append(out, r.Name)
	}
	return out
}

// convert makes a constant or now a value of the column's type.
func (k *checker) convert(e celast.Expr, value, column *ir.Expr) error {
	if value.Op == ir.OpNow {
		if column.Scalar != ir.DateTime && column.Scalar != ir.Date {
			return k.mismatch(e, column, value)
		}
		value.Scalar = column.Scalar
		return nil
	}
	switch v := value.Value.(type) {
	case string:
		switch column.Scalar {
		case ir.String:
		case ir.EnumScalar:
			if enum := enumOf(column); enum == nil || !enum.Has(v) {
				var names []string
				if enum != nil {
					for _, value := range enum.Values {
						names = append(names, value.Name)
					}
				}
				return k.fail(ruleWhenType, e, fmt.Sprintf("%q is not a value of %s, the type of %s", v, last(column).Type.Name, k.name(column)), suggest(v, names))
			}
		case ir.UUID:
			if id, err := uuid.Parse(v); err != nil || id.String() != v {
				return k.fail(ruleWhenType, e, fmt.Sprintf("%q is not an identifier, %s is", v, k.name(column)), "write a UUID in lower case")
			}
		default:
			return k.mismatch(e, column, value)
		}
	case int64:
		switch column.Scalar {
		case ir.Int, ir.Float:
			return nil
		case ir.Decimal:
			const most = int64(1e14)
			if v > most || v < -most {
				return k.mismatch(e, column, value)
			}
			value.Value = v * 10000
		default:
			return k.mismatch(e, column, value)
		}
	case float64:
		switch column.Scalar {
		case ir.Int, ir.Float:
			return nil
		case ir.Decimal:
			n, ok := parseDecimal(decimalText(v))
			if !ok {
				return k.fail(ruleWhenType, e, fmt.Sprintf("%s has at most four decimal places", k.name(column)), "round the number")
			}
			value.Value = n
		default:
			return k.mismatch(e, column, value)
		}
	case bool:
		if column.Scalar != ir.Boolean {
			return k.mismatch(e, column, value)
		}
	case time.Time:
		switch {
		case column.Scalar == ir.Date && !v.Equal(v.Truncate(24*time.Hour)):
			return k.fail(ruleWhenType, e, fmt.Sprintf("%s is a Date, the constant has a time of day", k.name(column)), `write midnight UTC, for example timestamp("2026-11-24T00:00:00Z")`)
		case column.Scalar != ir.Date && column.Scalar != ir.DateTime:
			return k.mismatch(e, column, value)
		}
	}
	value.Scalar = column.Scalar
	return nil
}

func (k *checker) mismatch(e celast.Expr, x, y *ir.Expr) error {
	return k.fail(ruleWhenType, e, fmt.Sprintf("%s is %s, %s is %s", k.name(x), scalarName(x.Scalar), k.name(y), scalarName(y.Scalar)), "compare values of one type")
}

// untranslatable says which part of CEL was used that SQL does not have.
func (k *checker) untranslatable(e celast.Expr) error {
	what := "this"
	switch e.Kind() {
	case celast.CallKind:
		name := e.AsCall().FunctionName()
		switch {
		case name == operators.Conditional:
			what = "a choice (? :)"
		case name == operators.Index:
			what = "an index"
		case slices.Contains([]string{operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate}, name):
			what = "arithmetic"
		case comparisons[name] != 0 || name == operators.Equals || name == operators.In || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "!"):
			what = "a condition inside a comparison"
		default:
			what = "the function " + name
		}
	case celast.ListKind:
		what = "a list outside of `in`"
	case celast.MapKind, celast.StructKind:
		what = "an object"
	case celast.LiteralKind:
		what = "a constant here"
	}
	return k.fail(ruleWhenUntranslatable, e, what+" cannot be translated to SQL", canDo)
}

func (k *checker) name(x *ir.Expr) string {
	switch x.Op {
	case ir.OpRow:
		names := make([]string, 0, len(x.Path))
		for _, f := range x.Path {
			names = append(names, f.Name)
		}
		return "row." + strings.Join(names, ".")
	case ir.OpViewer:
		return "viewer." + x.Attr
	case ir.OpNow:
		return "now"
	}
	return "the constant"
}

func last(x *ir.Expr) *ir.Field { return x.Path[len(x.Path)-1] }

func enumOf(x *ir.Expr) *ir.Enum {
	if x.Op != ir.OpRow {
		return nil
	}
	return last(x).Enum
}

func numeric(s ir.Scalar) bool { return s == ir.Int || s == ir.Float }

func ordered(s ir.Scalar) bool {
	return s == ir.String || s == ir.Int || s == ir.Float || s == ir.Decimal || s == ir.DateTime || s == ir.Date
}

var scalarNames = map[ir.Scalar]string{ir.String: "a text", ir.Int: "a whole number", ir.Float: "a number", ir.Boolean: "true or false", ir.DateTime: "a time",
	ir.Date: "a day", ir.Decimal: "a decimal", ir.JSON: "JSON", ir.EnumScalar: "a value of an enum", ir.UUID: "an identifier"}

func scalarName(s ir.Scalar) string { return scalarNames[s] }
