package format

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Parser holds what the source of the values lets us assume. The zero Parser assumes nothing.
type Parser struct {
	// Region is the ISO 3166-1 alpha-2 country of telephone numbers written without a country code, or empty.
	Region string
	// Loose accepts what spreadsheets and database dumps write: a time without offset is UTC, a day stands for its
	// midnight, a time at midnight for its day, JSON arrives as text.
	Loose bool
}

// Parse is Parser{}.Parse.
func Parse(f *ir.Field, v any) (any, error) { return Parser{}.Parse(f, v) }

// Parse returns the storage value of v in column f. See the package comment for the types; errors are *Error.
func (p Parser) Parse(f *ir.Field, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch f.Scalar {
	case ir.String:
		return nilOnError(p.text(f, v))
	case ir.Int:
		return nilOnError(integer(v))
	case ir.Float:
		return nilOnError(float(v))
	case ir.Boolean:
		return nilOnError(boolean(v))
	case ir.DateTime:
		return nilOnError(p.dateTime(v))
	case ir.Date:
		return nilOnError(p.date(v))
	case ir.Decimal:
		return nilOnError(decimal(v))
	case ir.JSON:
		return p.json(v)
	case ir.EnumScalar:
		return nilOnError(enum(f.Enum, v))
	case ir.UUID:
		return nilOnError(id(v))
	}
	return nil, fail("a value of a kind this column cannot store", "")
}

// nilOnError keeps the half-parsed zero value of a typed result from being mistaken for a value.
func nilOnError[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func enum(e *ir.Enum, v any) (string, error) {
	s, ok := v.(string)
	if s = strings.TrimSpace(s); ok && e != nil && e.Has(s) {
		return s, nil
	}
	return "", fail("not a value of the enum", wantEnum(e))
}

// wantEnum lists the values of a short enum: they are schema, not data.
func wantEnum(e *ir.Enum) string {
	if e == nil {
		return ""
	}
	if len(e.Values) > 12 {
		return "a value of " + e.Name
	}
	names := make([]string, len(e.Values))
	for i, v := range e.Values {
		names[i] = v.Name
	}
	return "one of " + strings.Join(names, ", ")
}

func id(v any) (uuid.UUID, error) {
	switch v := v.(type) {
	case uuid.UUID:
		return v, nil
	case string:
		// uuid.Parse also reads urn: and braced forms; an id has one spelling.
		if u, err := uuid.Parse(v); err == nil && len(v) == 36 {
			return u, nil
		}
	}
	return uuid.Nil, fail("not an identifier", "a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")
}

func boolean(v any) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes", "y", "1":
			return true, nil
		case "false", "no", "n", "0":
			return false, nil
		}
	}
	return false, fail("not a truth value", "true or false")
}

// Bounds of a JSON value. A depth limit keeps a reader's recursion from being chosen by whoever wrote the value.
const (
	maxJSONDepth = 32
	maxJSONText  = 1 << 20
)

func (p Parser) json(v any) (any, error) {
	if s, ok := v.(string); ok && p.Loose {
		if len(s) > maxJSONText {
			return nil, fail("too long", "at most "+strconv.Itoa(maxJSONText)+" bytes of JSON")
		}
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var out any
		if d.Decode(&out) != nil || d.More() {
			return nil, fail("not JSON", "one JSON value")
		}
		v = out
	}
	size := 0
	if err := checkJSON(v, 0, &size); err != nil {
		return nil, err
	}
	return v, nil
}

func checkJSON(v any, depth int, size *int) error {
	if depth > maxJSONDepth {
		return fail("nested too deeply", "at most "+strconv.Itoa(maxJSONDepth)+" levels")
	}
	text := func(s string) error {
		if *size += len(s); *size > maxJSONText {
			return fail("too long", "at most "+strconv.Itoa(maxJSONText)+" bytes of JSON")
		}
		return clean(s)
	}
	*size += 8
	switch v := v.(type) {
	case nil, bool, json.Number, float64, int, int64:
		return nil
	case string:
		return text(v)
	case []any:
		for _, e := range v {
			if err := checkJSON(e, depth+1, size); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for k, e := range v {
			if err := text(k); err != nil {
				return err
			}
			if err := checkJSON(e, depth+1, size); err != nil {
				return err
			}
		}
		return nil
	}
	return fail("not a JSON value", "an object, list, text, number, true, false or null")
}
