package policy

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Ends are the moments at which a person's consents run out, in microseconds since 1970, by their bits.
type Ends map[State]int64

// String writes the ends as they stand in the subject's row, beside the State: a JSON object, `{"8":1767225600000000}`. Without any it
// is empty.
func (e Ends) String() string {
	if len(e) == 0 {
		return ""
	}
	var items []string
	for _, bit := range slices.Sorted(maps.Keys(e)) {
		items = append(items, `"`+strconv.FormatInt(int64(bit), 10)+`":`+strconv.FormatInt(e[bit], 10))
	}
	return "{" + strings.Join(items, ",") + "}"
}

// ParseEnds reads what String writes.
func ParseEnds(text string) (Ends, error) {
	ends := Ends{}
	if !eachEnd(text, func(bit State, at int64) { ends[bit] = at }) {
		return nil, errors.New("when the consents of the row run out is not written as it should be")
	}
	return ends, nil
}

// Over are the bits that have run out.
func (e Ends) Over(now int64) (bits State) {
	for bit, at := range e {
		if at <= now {
			bits |= bit
		}
	}
	return bits
}

// OverIn are the bits that have run out, of ends that are written. Of what cannot be read it is all bits.
func OverIn(text string, now int64) (bits State) {
	ok := eachEnd(text, func(bit State, at int64) {
		if at <= now {
			bits |= bit
		}
	})
	if !ok {
		return ^State(0)
	}
	return bits
}

// eachEnd passes each end on, and reports whether the text was read to its end. It allocates nothing.
func eachEnd(text string, fn func(bit State, at int64)) bool {
	if text == "" {
		return true
	}
	text, opened := strings.CutPrefix(text, "{")
	text, closed := strings.CutSuffix(text, "}")
	if !opened || !closed {
		return false
	}
	for more := true; more; {
		var item string
		item, text, more = strings.Cut(text, ",")
		name, value, _ := strings.Cut(item, ":")
		if len(name) < 2 || name[0] != '"' || name[len(name)-1] != '"' {
			return false
		}
		bit, bad := strconv.ParseInt(name[1:len(name)-1], 10, 64)
		at, worse := strconv.ParseInt(value, 10, 64)
		if bad != nil || worse != nil {
			return false
		}
		fn(State(bit), at)
	}
	return true
}
