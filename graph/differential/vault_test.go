package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// vault seals cells in a way that everybody can read, and that notices what a cipher would: a cell opens with the key of
// its subject, at its own place, and only if that key was asked for. It keeps account of what was opened, and of keys that
// were not given back.
type vault struct {
	gone    []uuid.UUID // subjects whose key was destroyed; uuid.Nil stands for rows of nobody
	cleared bool        // with a key goes the blind index, as it does once an erasure is done
	moving  map[*ir.Field]bool
	// bits of a blind index. They are few on purpose, so that most of what an index finds has another value.
	bits int

	opened map[opening]bool
	lent   int      // keys that were not given back
	faults []string // what no caller may do
}

// opening is a cell that was opened.
type opening struct {
	row   uuid.UUID
	field *ir.Field
}

func (d dice) vault(s *ir.Schema) *vault {
	v := &vault{moving: map[*ir.Field]bool{}, bits: 1 + d.upTo(2), cleared: d.odds(8), opened: map[opening]bool{}}
	if d.odds(5) {
		v.gone = append(v.gone, people[0])
	}
	if d.odds(4) {
		v.gone = append(v.gone, uuid.Nil)
	}
	for _, t := range s.Entities() {
		for _, f := range t.Fields {
			if f.Kind == ir.Column && f.Pii != nil && d.odds(4) {
				v.moving[f] = true
			}
		}
	}
	return v
}

// sealer is whose key seals the cells of a row: the first of its owners. Rows of nobody are sealed with the key of uuid.Nil.
func sealer(r *row) uuid.UUID {
	if people := owners(r); len(people) > 0 {
		return people[0].subject
	}
	return uuid.Nil
}

// inSealed reports whether the row's value of f lies in the sealed column: where it belongs, or where it was.
func inSealed(r *row, f *ir.Field) bool { return f.Sealed() != r.left[f] }

// opens: the reference's word on whether a value can be read.
func (v *vault) opens(r *row, f *ir.Field) bool {
	return !inSealed(r, f) || !slices.Contains(v.gone, sealer(r))
}

// indexed: the row has a blind index that says something of its value.
func (v *vault) indexed(r *row, f *ir.Field) bool {
	return f.Blind() && inSealed(r, f) && (v.opens(r, f) || !v.cleared)
}

func place(subject, row uuid.UUID, f *ir.Field) []byte {
	return fmt.Appendf(nil, "%s|%s|%s|", subject, row, f.Coordinate())
}

func (v *vault) seal(r *row, f *ir.Field, plain any) []byte {
	if text, ok := plain.(string); ok && f.Scalar == ir.JSON {
		plain = json.RawMessage(text)
	}
	cell, err := format.AppendPlain(place(sealer(r), r.id, f), plain)
	if err != nil {
		panic(err)
	}
	return cell
}

// index is a few bits of a hash.
func (v *vault) index(f *ir.Field, plain any) int64 {
	in, err := format.AppendNormal([]byte(f.Coordinate()), f, plain)
	if err != nil {
		panic(err)
	}
	h := fnv.New64a()
	h.Write(in)
	sum := h.Sum64()
	return int64((sum ^ sum>>21 ^ sum>>42) & (1<<v.bits - 1))
}

// Blind returns two indexes, as while the index key changes: that of the value, and one that no row has.
func (v *vault) Blind(_ context.Context, f *ir.Field, plain any) ([]int64, error) {
	return []int64{v.index(f, plain), 1 << v.bits}, nil
}

// Moving says which fields have values in two columns.
func (v *vault) Moving(f *ir.Field) bool { return v.moving[f] }

// Epoch never changes, as nothing moves while questions are asked.
func (v *vault) Epoch() uint64 { return 1 }

// Keys loads the keys of subjects.
func (v *vault) Keys(_ context.Context, subjects []uuid.UUID) (read.Keys, error) {
	v.lent++
	return &keys{vault: v, loaded: subjects}, nil
}

type keys struct {
	vault  *vault
	loaded []uuid.UUID
	closed bool
}

// Open opens a cell in its place.
func (k *keys) Open(dst []byte, subject, row uuid.UUID, f *ir.Field, cell []byte) ([]byte, bool) {
	if k.closed {
		k.vault.faults = append(k.vault.faults, "a key was used after it was given back")
	}
	plain, here := bytes.CutPrefix(cell, place(subject, row, f))
	if !here || !slices.Contains(k.loaded, subject) || slices.Contains(k.vault.gone, subject) {
		return nil, false
	}
	k.vault.opened[opening{row, f}] = true
	return append(dst, plain...), true
}

// Close gives the keys back.
func (k *keys) Close() {
	if k.closed {
		k.vault.faults = append(k.vault.faults, "keys were given back twice")
		return
	}
	k.closed = true
	k.vault.lent--
}

// audit compares what was opened for a viewer with what the viewer sees, and begins a new account.
func (v *vault) audit(x *reference) []string {
	faults := v.faults
	if v.lent != 0 {
		faults = append(faults, fmt.Sprintf("keys were not given back %d times", v.lent))
	}
	for o := range v.opened {
		for _, r := range x.rows[o.field.Owner] {
			if r.id == o.row && !x.mayOpen(o.field, r) {
				faults = append(faults, fmt.Sprintf("%s of %s was opened, and is hidden", o.field.Coordinate(), r.id))
			}
		}
	}
	clear(v.opened)
	v.lent, v.faults = 0, nil
	slices.Sort(faults)
	return faults
}
