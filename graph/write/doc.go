// Package write is the one way in. Generated mutations go through it and through Ent: the input is minimized like an
// answer (a field the purpose does not need is refused), normalised and validated; the row must be within the viewer's
// reach before and after the write, checked by the same predicates that reads use, in the write's own transaction; and
// what is given back is read through the read path.
package write
