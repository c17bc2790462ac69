package predicate

import (
	"encoding/json"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Kind says where a parameter's value comes from.
type Kind uint8

const (
	// Const is Value, written in the schema.
	Const Kind = iota
	// Viewer is the attribute Attr of who asks.
	Viewer
	// Now is the time of the request.
	Now
)

// Slot is what one parameter stands for.
type Slot struct {
	Kind  Kind
	Value any
	Attr  string
	List  bool // the attribute is a list and becomes one JSON array
	// Present asks only whether the attribute is there, for `viewer.x == null`: one of an unexpected type is not absent.
	Present bool
	Scalar  ir.Scalar
}

// sqliteTime is how times are stored there: text in UTC, in an order that is the order of time.
const sqliteTime = "2006-01-02 15:04:05.999999999-07:00"

// Resolve returns the parameter's value for a driver: string, int64, float64, bool or time.Time. An attribute that is
// missing, or that cannot be read as the slot's type, is nil: NULL, so unknown, so not granted. Attributes that arrive as
// text, as from a command line, are read as the slot's type.
//
// A list that is missing is the JSON array `[null]` instead: to be in an empty list would be false, and its negation true,
// where to be in a list of one unknown is unknown.
func (s Slot) Resolve(p policy.Principal, now time.Time) any {
	switch s.Kind {
	case Const:
		return driverValue(s.Value)
	case Now:
		return scalarOf(s.Scalar, now)
	}
	raw := attribute(p, s.Attr)
	switch {
	case s.Present && raw == nil:
		return nil
	case s.Present:
		return "present"
	case s.List:
		return list(s.Scalar, raw)
	}
	return driverValue(scalarOf(s.Scalar, raw))
}

// unknownList stands for a list nobody can tell.
const unknownList = "[null]"

func attribute(p policy.Principal, name string) any {
	switch name {
	case "id":
		return textOrNil(p.ID)
	case "role":
		return textOrNil(p.Role)
	case "subject":
		if !p.IsSubject() {
			return nil
		}
		return p.Subject.String()
	}
	return p.Attrs[name]
}

func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func driverValue(v any) any {
	if id, ok := v.(uuid.UUID); ok {
		return id.String()
	}
	return v
}

// list renders a list as a JSON array. One bad element spoils the list: what was meant is not to be guessed.
func list(scalar ir.Scalar, raw any) any {
	v := reflect.ValueOf(raw)
	if text, ok := raw.(string); ok { // `--attr regions=EMEA,APAC`
		parts := strings.Split(text, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		v = reflect.ValueOf(parts)
	}
	if !v.IsValid() || v.Kind() != reflect.Slice {
		return unknownList
	}
	out := make([]any, 0, v.Len())
	for i := range v.Len() {
		el := driverValue(scalarOf(scalar, v.Index(i).Interface()))
		switch t := el.(type) {
		case nil:
			return unknownList
		case time.Time:
			el = t.UTC().Format(sqliteTime)
		}
		out = append(out, el)
	}
	data, err := json.Marshal(out)
	if err != nil {
		return unknownList
	}
	return string(data)
}

// scalarOf reads a value as a scalar; nil when it is none.
func scalarOf(s ir.Scalar, raw any) any {
	switch s {
	case ir.String, ir.EnumScalar:
		if text, ok := raw.(string); ok {
			return text
		}
	case ir.UUID:
		switch v := raw.(type) {
		case uuid.UUID:
			return v
		case string:
			if id, err := uuid.Parse(v); err == nil && len(v) == 36 {
				return id
			}
		}
	case ir.Int:
		return whole(raw)
	case ir.Float:
		return real(raw)
	case ir.Boolean:
		switch v := raw.(type) {
		case bool:
			return v
		case string:
			if v == "true" || v == "false" {
				return v == "true"
			}
		}
	case ir.DateTime:
		if t, ok := moment(raw); ok {
			return t
		}
	case ir.Date:
		if t, ok := moment(raw); ok {
			return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		}
	case ir.Decimal:
		return decimal(raw)
	}
	return nil
}

func whole(raw any) any {
	switch v := raw.(type) {
	case int:
		return int64(v)
	case int64:
		return v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	case json.Number:
		return whole(v.String())
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n
		}
	}
	return nil
}

func real(raw any) any {
	switch v := raw.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	case json.Number:
		return real(v.String())
	case string:
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			return real(n)
		}
	}
	return nil
}

func moment(raw any) (time.Time, bool) {
	switch v := raw.(type) {
	case time.Time:
		return v.UTC(), true
	case string:
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

var decimalPattern = regexp.MustCompile(`^-?[0-9]{1,14}(?:\.[0-9]{1,4})?$`)

// decimal reads a number exactly, as ten-thousandths.
func decimal(raw any) any {
	var text string
	switch v := raw.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	case int:
		text = strconv.Itoa(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	}
	if !decimalPattern.MatchString(text) {
		return nil
	}
	whole, places, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole+(places + "0000")[:4], 10, 64)
	if err != nil {
		return nil
	}
	return n
}
