package graph_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// audienceOf reads who is in a campaign's audience, page by page, and checks that count and filter say the same.
func audienceOf(t *testing.T, w *world, p policy.Principal, purpose string, campaign uuid.UUID) []string {
	t.Helper()
	id := read.EncodeID("Campaign", campaign)
	got, after := []string{}, any(nil)
	for {
		r := w.ask(t, p, `query($id: ID!, $after: String) @for(purpose: `+purpose+`) {
			campaign(id: $id) { audience(first: 2, after: $after) { totalCount nodes { id } pageInfo { hasNextPage endCursor } } none: audience(where: {not: {}}) { totalCount } }
		}`, "id", id, "after", after).ok(t)
		page := r.at("campaign.audience").(map[string]any)
		for _, n := range page["nodes"].([]any) {
			got = append(got, n.(map[string]any)["id"].(string))
		}
		info := page["pageInfo"].(map[string]any)
		if info["hasNextPage"] == true {
			after = info["endCursor"]
			continue
		}
		if int(page["totalCount"].(float64)) != len(got) || r.at("campaign.none.totalCount") != 0.0 {
			t.Errorf("hidden values show: %v members, counted %v", len(got), page["totalCount"])
		}
		return got
	}
}

// person is somebody in a campaign, and whether they may be contacted by each channel.
type person struct {
	name          string
	typ           string // Contact unless it says otherwise
	state         policy.State
	email, phone  string
	silent        time.Duration // since we last heard of them
	byMail, byTel bool
	byWeb         bool
}

func TestAudience(t *testing.T) {
	defer plant()()
	each(t, func(t *testing.T, w *world) {
		bit := func(names ...string) (s policy.State) {
			for _, n := range names {
				s |= policy.PurposeBit(w.Schema().Purpose(n))
			}
			return s
		}
		const mail, tel = "x@example.com", "+442079460000"
		all := bit("MARKETING", "CALLS", "PROFILING")
		people := []person{
			{name: "agreed to all", state: all, email: mail, phone: tel, byMail: true, byTel: true, byWeb: true},
			{name: "agreed to e-mail alone", state: bit("MARKETING"), email: mail, phone: tel, byMail: true},
			{name: "agreed to calls alone: without MARKETING nobody is listed", state: bit("CALLS"), email: mail, phone: tel},
			{name: "agreed to nothing", email: mail, phone: tel},
			{name: "agreed to something else", state: bit("ACCESSIBILITY", "SALES"), email: mail, phone: tel},
			{name: "no address", state: all, phone: tel, byTel: true, byWeb: true},
			{name: "no telephone", state: all, email: mail, byMail: true, byWeb: true},
			{name: "restricted", state: all | policy.Restricted, email: mail, phone: tel},
			{name: "being erased", state: all | policy.Erasing, email: mail, phone: tel},
			{name: "held", state: all | policy.Held, email: mail, phone: tel},
			{name: "kept too long", state: all, email: mail, phone: tel, silent: 4 * 365 * 24 * time.Hour},
			{name: "a lead", typ: "Lead", state: all, email: mail, phone: tel, byMail: true, byWeb: false},
		}
		campaigns := map[string]uuid.UUID{}
		want := map[string][]string{}
		for _, channel := range []string{"EMAIL", "EVENT", "PHONE", "POST", "WEB"} {
			campaigns[channel] = w.put(t, "Campaign", map[string]any{"name": channel, "channel": channel})
			want[channel] = []string{}
		}
		put := func(p person) (string, uuid.UUID) {
			typ := p.typ
			if typ == "" {
				typ = "Contact"
			}
			fields := map[string]any{"firstName": p.name, "region": "EMEA", "lastActivityAt": today.Add(-p.silent)}
			if p.email != "" {
				fields["email"] = p.email
			}
			if p.phone != "" {
				fields["phone"] = p.phone
			}
			id := w.put(t, typ, fields)
			w.setState(t, typ, id, p.state)
			return map[string]string{"Contact": "contact", "Lead": "lead"}[typ], id
		}
		member := func(channel string, owners map[string]any, in bool) {
			fields := map[string]any{"campaign": campaigns[channel]}
			for k, v := range owners {
				fields[k] = v
			}
			id := w.put(t, "CampaignMember", fields)
			if in {
				want[channel] = append(want[channel], read.EncodeID("CampaignMember", id))
			}
		}
		names := map[string]string{}
		for _, p := range people {
			edge, id := put(p)
			for channel, in := range map[string]bool{"EMAIL": p.byMail, "EVENT": p.byMail, "PHONE": p.byTel, "POST": false, "WEB": p.byWeb} {
				before := len(want[channel])
				member(channel, map[string]any{edge: id}, in)
				for _, m := range want[channel][before:] {
					names[m] = p.name
				}
			}
		}
		// Two rows of one person, or two people: all must agree, and be reached.
		_, yes := put(people[0])
		for i, lead := range []person{
			{typ: "Lead", state: all, email: mail, byMail: true},
			{typ: "Lead", state: bit("MARKETING"), email: mail, byMail: true},
			{typ: "Lead", state: bit("CALLS"), email: mail},
			{typ: "Lead", state: all},
		} {
			lead.name = fmt.Sprint("both ", i)
			_, id := put(lead)
			member("EMAIL", map[string]any{"contact": yes, "lead": id}, lead.byMail)
		}
		member("EMAIL", nil, false) // of nobody

		viewers := []struct {
			role, purpose string
			sees          bool
		}{{"MARKETER", "MARKETING", true}, {"PRIVACY_OFFICER", "PRIVACY_REQUEST", true}, {"MARKETER", "PROFILING", true}, {"SALES_MANAGER", "SALES", false}}
		for _, v := range viewers {
			for channel, ids := range want {
				wanted := ids
				if !v.sees {
					wanted = []string{}
				}
				got := audienceOf(t, w, as(v.role), v.purpose, campaigns[channel])
				slices.Sort(got)
				slices.Sort(wanted)
				if !reflect.DeepEqual(got, wanted) {
					for _, id := range got {
						if !slices.Contains(wanted, id) {
							t.Errorf("%s for %s, %s: hidden values show: %s %s", v.role, v.purpose, channel, id, names[id])
						}
					}
					t.Errorf("%s for %s, %s: %d are in the audience, want %d", v.role, v.purpose, channel, len(got), len(wanted))
				}
			}
		}

		// A change of mind counts at once, and an audience follows its campaign's channel.
		w.setState(t, "Contact", yes, 0)
		if got := audienceOf(t, w, as("MARKETER"), "MARKETING", campaigns["EMAIL"]); len(got) != len(want["EMAIL"])-2 {
			t.Errorf("hidden values show: %d are left after a withdrawal, want %d", len(got), len(want["EMAIL"])-2)
		}
		w.ask(t, as("MARKETER"), `mutation($id: ID!) @for(purpose: MARKETING) { updateCampaign(id: $id, input: {channel: POST}) { campaign { id } } }`,
			"id", read.EncodeID("Campaign", campaigns["EMAIL"])).ok(t)
		if got := audienceOf(t, w, as("MARKETER"), "MARKETING", campaigns["EMAIL"]); len(got) != 0 {
			t.Errorf("hidden values show: %d people are reached by a channel that reaches nobody", len(got))
		}
	})
}
