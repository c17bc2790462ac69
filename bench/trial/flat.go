package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cloakroom-crm/cloakroom/bench/house"
	"github.com/cloakroom-crm/cloakroom/bench/load"
	"github.com/cloakroom-crm/cloakroom/bench/question"
)

// Size is what a page of Q2 costs among so many people: the first page, and one half way down the list.
type Size struct {
	People      int
	First, Deep Figure
}

// Flat measures C's pages in databases of different size, in turns. open gives empty databases.
func Flat(ctx context.Context, o Options, sizes []int, open func() (string, func() error, error)) (out []Size, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := question.All[1]
	var list []*contestant // two of each size
	for _, people := range sizes {
		url, drop, err := open()
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, drop()) }()
		dir := filepath.Join(o.Data, strconv.Itoa(people))
		began := time.Now()
		if err := house.Prepare(ctx, url, dir, people, false, true); err != nil {
			return nil, err
		}
		fmt.Fprintf(o.Log, "loaded %d contacts in %s\n", people, time.Since(began).Round(time.Second))
		p, err := start(ctx, question.C, url, dir)
		if err != nil {
			return nil, err
		}
		defer func() { _ = p.stop() }()
		token, err := house.Token(dir, q.Role)
		if err != nil {
			return nil, err
		}
		after, err := cursorAt(ctx, p, q, token, people/2)
		if err != nil {
			return nil, err
		}
		for _, place := range []string{"", after} {
			c := &contestant{variant: question.C, process: p, requests: []question.Request{q.Page(question.C, p.Answers, token, place)}}
			if c.bytes, err = o.check(ctx, q, c); err != nil {
				return nil, err
			}
			list = append(list, c)
		}
	}
	for range o.Rounds {
		for _, c := range list {
			f, err := o.turn(ctx, c)
			if err != nil {
				return nil, err
			}
			c.turns = append(c.turns, f)
		}
	}
	for i, people := range sizes {
		out = append(out, Size{People: people, First: medians(list[2*i].turns), Deep: medians(list[2*i+1].turns)})
	}
	return out, nil
}

// cursorAt pages down to row n, a thousand rows at a time, and returns the cursor there.
func cursorAt(ctx context.Context, p *process, q question.Question, token string, n int) (after string, err error) {
	conn, err := load.Dial(ctx, p.Answers)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	const step = 1000
	for at := 0; at < n; at += step {
		query := `query($after: String) @for(purpose: ` + q.Purpose + `) { contacts(first: ` + strconv.Itoa(step) + `, after: $after) { pageInfo { endCursor } } }`
		variables := map[string]any{}
		if after != "" {
			variables["after"] = after
		}
		var body bytes.Buffer
		if _, err := conn.Ask(question.Post(p.Answers, token, q.Role, query, variables), &body); err != nil {
			return "", err
		}
		var answer struct {
			Data struct {
				Contacts struct{ PageInfo struct{ EndCursor string } }
			}
		}
		if err := json.Unmarshal(body.Bytes(), &answer); err != nil {
			return "", err
		}
		if after = answer.Data.Contacts.PageInfo.EndCursor; after == "" {
			return "", fmt.Errorf("no cursor at row %d: %.500s", at, &body)
		}
	}
	return after, nil
}
