package differential

import "pgregory.net/rapid"

// dice makes choices that rapid can take back one by one: every choice shrinks towards no, zero and the first.
type dice struct{ t *rapid.T }

// odds is true in n of 16 cases. It draws single bits, because rapid's whole numbers prefer small ones.
func (d dice) odds(n int) bool {
	roll := 0
	for _, bit := range []int{8, 4, 2, 1} {
		if rapid.Bool().Draw(d.t, "odds") {
			roll += bit
		}
	}
	return roll >= 16-n
}

// upTo is a number from 0 to n.
func (d dice) upTo(n int) int { return rapid.IntRange(0, n).Draw(d.t, "upTo") }

func pick[T any](d dice, from []T) T { return from[d.upTo(len(from)-1)] }

// some is a part of from, not empty.
func some[T any](d dice, from []T, n int) []T {
	var out []T
	for _, v := range from {
		if d.odds(n) {
			out = append(out, v)
		}
	}
	if out == nil {
		out = []T{pick(d, from)}
	}
	return out
}
