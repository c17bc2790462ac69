package differential

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// truth is SQL's: unknown lies between no and yes, so that "and" is the least, "or" the greatest, and "not" the minus.
type truth int

const (
	no      truth = -1
	unknown truth = 0
	yes     truth = 1
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// truth of a `when` for a row.
func (x *reference) truth(e *ir.Expr, r *row) truth {
	switch e.Op {
	case ir.OpAnd:
		all := yes
		for _, a := range e.Args {
			all = min(all, x.truth(a, r))
		}
		return all
	case ir.OpOr:
		some := no
		for _, a := range e.Args {
			some = max(some, x.truth(a, r))
		}
		return some
	case ir.OpNot:
		return -x.truth(e.Args[0], r)
	case ir.OpIsNull:
		if v := e.Args[0]; v.Op == ir.OpViewer {
			return truthOf(x.attribute(v.Attr) == nil)
		}
		return truthOf(x.operand(e.Args[0], r) == nil)
	case ir.OpIn:
		v := x.operand(e.Args[0], r)
		list, known := x.elements(e.Args[1], r)
		if !known {
			return unknown
		}
		found := no
		for _, el := range list {
			found = max(found, compared(v, el, "eq"))
		}
		return found
	}
	op := map[ir.ExprOp]string{ir.OpEq: "eq", ir.OpNe: "ne", ir.OpLt: "lt", ir.OpLe: "lte", ir.OpGt: "gt", ir.OpGe: "gte"}[e.Op]
	if op == "" {
		panic(fmt.Sprintf("no condition: %d", e.Op))
	}
	return compared(x.operand(e.Args[0], r), x.operand(e.Args[1], r), op)
}

// operand is the value of an operand; nil is unknown.
func (x *reference) operand(e *ir.Expr, r *row) any {
	switch e.Op {
	case ir.OpConst:
		return e.Value
	case ir.OpNow:
		if e.Scalar == ir.Date {
			return x.now.Truncate(24 * time.Hour)
		}
		return x.now
	case ir.OpViewer:
		return scalar(e.Scalar, x.attribute(e.Attr))
	}
	for i, f := range e.Path {
		switch last := i == len(e.Path)-1; {
		case f.Kind == ir.ID:
			return r.id.String()
		case f.Kind == ir.Column:
			return r.cells[f]
		case r.links[f] == nil:
			return nil
		case last:
			return r.links[f].id.String()
		default:
			r = r.links[f]
		}
	}
	return nil
}

// elements is the list an `in` looks into. A list the viewer lacks, or with something in it that is no such value, is unknown.
func (x *reference) elements(e *ir.Expr, r *row) (out []any, known bool) {
	if e.Op == ir.OpList {
		for _, a := range e.Args {
			out = append(out, x.operand(a, r))
		}
		return out, true
	}
	var raw []any
	switch v := x.attribute(e.Attr).(type) {
	case []string:
		for _, s := range v {
			raw = append(raw, s)
		}
	case []any:
		raw = v
	case string:
		for _, s := range strings.Split(v, ",") {
			raw = append(raw, s)
		}
	default:
		return nil, false
	}
	for _, v := range raw {
		if v = scalar(e.Scalar, v); v == nil {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

func (x *reference) attribute(name string) any {
	switch name {
	case "id":
		return x.viewer.ID
	case "role":
		return x.viewer.Role
	case "subject":
		if !x.viewer.IsSubject() {
			return nil
		}
		return x.viewer.Subject.String()
	}
	return x.viewer.Attrs[name]
}

// scalar reads an attribute as what it is compared with; nil where it is no such value. Attributes may be texts.
func scalar(s ir.Scalar, v any) any {
	text, isText := v.(string)
	switch s {
	case ir.String, ir.EnumScalar:
		if isText {
			return text
		}
	case ir.UUID:
		if _, err := uuid.Parse(text); err == nil {
			return text
		}
	case ir.Boolean:
		if isText && (text == "true" || text == "false") {
			return text == "true"
		}
		if b, ok := v.(bool); ok {
			return b
		}
	case ir.Int, ir.Float, ir.Decimal:
		n, ok := v.(int64)
		if isText {
			var err error
			n, err = strconv.ParseInt(text, 10, 64)
			ok = err == nil
		}
		if !ok {
			return nil
		}
		if s == ir.Decimal {
			return n * 10000
		}
		return n
	}
	return nil
}

// compared is a comparison; unknown if a side is.
func compared(a, b any, op string) truth {
	if a == nil || b == nil {
		return unknown
	}
	switch op {
	case "contains":
		return truthOf(strings.Contains(a.(string), b.(string)))
	case "startsWith":
		return truthOf(strings.HasPrefix(a.(string), b.(string)))
	}
	n := compareValues(a, b)
	return truthOf(map[string]bool{"eq": n == 0, "ne": n != 0, "lt": n < 0, "lte": n <= 0, "gt": n > 0, "gte": n >= 0}[op])
}

// compareValues orders two values of one kind. Texts go by their bytes.
func compareValues(a, b any) int {
	switch v := a.(type) {
	case string:
		return cmp.Compare(v, b.(string))
	case time.Time:
		return v.Compare(b.(time.Time))
	case bool:
		return cmp.Compare(truthOf(v), truthOf(b.(bool)))
	}
	return cmp.Compare(number(a), number(b))
}

func number(v any) float64 {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v.(float64)
}
