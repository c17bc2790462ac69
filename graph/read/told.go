package read

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

// What is kept of answers, as JSON. Texts are bytes: the key of a group may be the sixteen bytes of a UUID.
type (
	keptAnswer struct {
		Schema, Type string
		Bind         []byte
		Until        time.Time
		Where        keptFragment
		Keys         []keptFragment
		Shown        [][]keptCell
	}
	keptFragment struct {
		SQL  string
		Args []keptValue
	}
	keptCell struct {
		K cellKind
		N int64  `json:",omitempty"`
		S []byte `json:",omitempty"`
	}
	// keptValue is a parameter; none of them is null.
	keptValue struct {
		S *[]byte    `json:",omitempty"`
		I *int64     `json:",omitempty"`
		F *float64   `json:",omitempty"`
		B *bool      `json:",omitempty"`
		T *time.Time `json:",omitempty"`
		U *uuid.UUID `json:",omitempty"`
	}
)

func (d *disclosures) encode(answers []*answered) ([]byte, error) {
	out := make([]keptAnswer, len(answers))
	for i, a := range answers {
		k := keptAnswer{Type: a.typ, Bind: []byte(a.bind), Until: a.until}
		for _, key := range a.shown {
			cells := make([]keptCell, len(key))
			for j, c := range key {
				cells[j] = keptCell{c.kind, c.n, []byte(c.s)}
			}
			k.Shown = append(k.Shown, cells)
		}
		if a.current && len(a.shown) > 0 { // nothing is compared with what showed nothing, so its values are not kept
			var err error
			k.Schema = d.schema
			if k.Where, err = keepFragment(a.where); err != nil {
				return nil, err
			}
			for _, f := range a.keys {
				kept, err := keepFragment(f)
				if err != nil {
					return nil, err
				}
				k.Keys = append(k.Keys, kept)
			}
		}
		out[i] = k
	}
	return json.Marshal(out)
}

func (d *disclosures) decode(kept []byte) ([]*answered, error) {
	if len(kept) == 0 {
		return nil, nil
	}
	var list []keptAnswer
	if err := json.Unmarshal(kept, &list); err != nil {
		return nil, fmt.Errorf("what a viewer was told cannot be read: %w", err)
	}
	out := make([]*answered, len(list))
	for i, k := range list {
		a := &answered{typ: k.Type, bind: string(k.Bind), current: k.Schema == d.schema, where: k.Where.fragment(), shown: map[string][]cell{}, until: k.Until}
		for _, f := range k.Keys {
			a.keys = append(a.keys, f.fragment())
		}
		for _, cells := range k.Shown {
			key := make([]cell, len(cells))
			for j, c := range cells {
				key[j] = cell{kind: c.K, n: c.N, s: string(c.S)}
			}
			a.shown[keyText(key)] = key
		}
		out[i] = a
	}
	return out, nil
}

func keepFragment(f fragment) (keptFragment, error) {
	out := keptFragment{SQL: f.sql}
	for _, a := range f.args {
		c, ok := a.(constant)
		if !ok {
			return keptFragment{}, fmt.Errorf("a parameter of an aggregate is not settled: %T", a)
		}
		v, err := keepValue(c.v)
		if err != nil {
			return keptFragment{}, err
		}
		out.Args = append(out.Args, v)
	}
	return out, nil
}

func keepValue(v any) (keptValue, error) {
	switch v := v.(type) {
	case nil:
		return keptValue{}, nil
	case string:
		b := []byte(v)
		return keptValue{S: &b}, nil
	case int:
		n := int64(v)
		return keptValue{I: &n}, nil
	case int64:
		return keptValue{I: &v}, nil
	case float64:
		return keptValue{F: &v}, nil
	case bool:
		return keptValue{B: &v}, nil
	case time.Time:
		return keptValue{T: &v}, nil
	case uuid.UUID:
		return keptValue{U: &v}, nil
	}
	return keptValue{}, fmt.Errorf("a parameter of an aggregate has a type that cannot be kept: %T", v)
}

func (k keptFragment) fragment() fragment {
	f := fragment{sql: k.SQL}
	for _, a := range k.Args {
		f.args = append(f.args, constant{a.value()})
	}
	return f
}

func (k keptValue) value() any {
	switch {
	case k.S != nil:
		return string(*k.S)
	case k.I != nil:
		return *k.I
	case k.F != nil:
		return *k.F
	case k.B != nil:
		return *k.B
	case k.T != nil:
		return *k.T
	case k.U != nil:
		return *k.U
	}
	return nil
}

// toldHere keeps what viewers were told in this process.
type toldHere struct {
	mu      sync.Mutex
	viewers map[string]toldViewer
}

type toldViewer struct {
	kept    []byte
	version int64
	until   time.Time
}

// maxViewers bounds the memory. Whom it cannot hold is told nothing: forgetting somebody would tell too much.
const maxViewers = 10000

func (t *toldHere) Load(_ context.Context, viewer string) ([]byte, int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.viewers[viewer]
	return v.kept, v.version, nil
}

func (t *toldHere) Store(_ context.Context, viewer string, version int64, kept []byte, until time.Time) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, known := t.viewers[viewer]
	if v.version != version {
		return false, nil
	}
	if !known && len(t.viewers) >= maxViewers {
		now := until.Add(-disclosurePeriod)
		for name, o := range t.viewers {
			if o.until.Before(now) {
				delete(t.viewers, name)
			}
		}
		if len(t.viewers) >= maxViewers {
			return false, Fail(CodeUnavailable, "too many people ask for aggregates at the moment")
		}
	}
	if t.viewers == nil {
		t.viewers = map[string]toldViewer{}
	}
	t.viewers[viewer] = toldViewer{bytes.Clone(kept), version + 1, until}
	return true, nil
}
