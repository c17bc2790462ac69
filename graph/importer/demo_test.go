package importer

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

const demoText = `
Person:
  - _key: ada
    lastName: Lovelace
    birthday: {ago: P30Y}
    seenAt: {ago: P10D}
    company: {ref: acme}
    agent: {ref: bob}
    _consents: [MARKETING]
  - {_key: eve, lastName: Eve}
Company:
  - {_key: acme, name: ACME, revenue: 1250.5, employees: 7}
Agent:
  - {_key: bob, name: Bob, boss: {ref: zoe}}
  - {_key: zoe, name: Zoe}
`

func demoSchema() *ir.Schema {
	s := crm()
	s.Purposes = []*ir.Purpose{{Name: "MARKETING"}}
	s.Index()
	return s
}

func TestLoadDemo(t *testing.T) {
	ctx, now := context.Background(), time.Date(2026, 5, 20, 15, 0, 0, 0, time.UTC)
	s, store := demoSchema(), newMemory()
	consents, err := LoadDemo(ctx, s, "demo.yaml", []byte(demoText), now, store)
	if err != nil {
		t.Fatal(err)
	}
	ada := store.rows[s.Type("Person")][DemoID("Person", "ada")]
	if ada["company"] != DemoID("Company", "acme") || ada["birthday"] != time.Date(1996, 5, 20, 0, 0, 0, 0, time.UTC) || ada["seenAt"] != now.AddDate(0, 0, -10) {
		t.Errorf("ada is %v", ada)
	}
	if acme := store.rows[s.Type("Company")][DemoID("Company", "acme")]; acme["revenue"] != int64(12505000) || acme["employees"] != int64(7) {
		t.Errorf("acme is %v", acme)
	}
	if len(consents) != 1 || consents[0].ID != DemoID("Person", "ada") || consents[0].Purposes[0] != "MARKETING" {
		t.Errorf("consents %v", consents)
	}

	// Again, a day later and after an edit: nothing is written.
	ada["lastName"] = "King"
	before := store.upserts
	again, err := LoadDemo(ctx, s, "demo.yaml", []byte(demoText), now.AddDate(0, 0, 1), store)
	if err != nil || store.upserts != before || ada["lastName"] != "King" || len(again) != 1 {
		t.Errorf("%v; %d upserts more", err, store.upserts-before)
	}
}

func TestLoadDemoExplains(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no such type":    {"Ghost:\n  - {_key: a}\n", "demo.yaml:1: the schema has no entity Ghost"},
		"no key":          {"Agent:\n  - {name: secret}\n", "demo.yaml:2: a Agent without _key"},
		"twice":           {"Agent:\n  - {_key: a}\n  - {_key: a}\n", "demo.yaml:3: Agent a stands in line 2 already"},
		"no such field":   {"Agent:\n  - {_key: a, nam: secret}\n", `Agent has no stored field "nam"`},
		"bad value":       {"Person:\n  - _key: a\n    email: secret\n", "demo.yaml:3: Person.email: not an e-mail address"},
		"octal":           {"Person:\n  - _key: a\n    city: 01234\n", "Person.city: not a text"},
		"no such ref":     {"Agent:\n  - {_key: a, boss: {ref: z}}\n", `there is no Agent with the _key "z"`},
		"a bare ref":      {"Agent:\n  - {_key: a, boss: z}\n", "an edge is written {ref: KEY}"},
		"a circle":        {"Agent:\n  - {_key: a, boss: {ref: b}}\n  - {_key: b, boss: {ref: a}}\n", "refers to itself"},
		"no such purpose": {"Person:\n  - {_key: a, _consents: [NONE]}\n", "the schema has no purpose NONE"},
		"bad period":      {"Person:\n  - _key: a\n    seenAt: {ago: 10D}\n", "is not a period"},
		"two problems":    {"Agent:\n  - {_key: a, x: 1}\n  - {_key: b, y: 1}\n", "demo.yaml:3"},
		"not YAML":        {"a: [", "demo.yaml"},
	} {
		store := newMemory()
		_, err := LoadDemo(context.Background(), demoSchema(), "demo.yaml", []byte(c.text), time.Now(), store)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || store.upserts > 0 {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := LoadDemo(context.Background(), demoSchema(), "demo.yaml", nil, time.Now(), newMemory()); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}
