package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/e2e/ory"
	"github.com/cloakroom-crm/cloakroom/e2e/stack"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

// person is somebody who can sign in here.
type person struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Role     string `json:"role"`
}

// enter makes somebody for each role of the schema, or finds who was made before. Their passwords are kept with everything else
// in the directory, for its owner alone.
func enter(ctx context.Context, s *stack.Stack, file string) ([]person, error) {
	schema, err := house.Schema()
	if err != nil {
		return nil, err
	}
	var known []person
	if text, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(text, &known); err != nil {
			return nil, fmt.Errorf("%s: %w: remove the directory to begin anew", file, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []person
	var customers []string
	add := func(email, role string, public map[string]any) error {
		p := person{Email: email, Password: rand.Text(), Role: role}
		if at := slices.IndexFunc(known, func(k person) bool { return k.Email == email }); at >= 0 {
			p = known[at]
		}
		all = append(all, p)
		who := ory.Person{Email: email, Password: p.Password, Verified: true, Public: map[string]any{"cloakroom": public}}
		found, err := s.Kratos.Find(ctx, who)
		if err == nil && found == nil {
			_, err = s.Kratos.Create(ctx, who)
		}
		return err
	}
	for _, r := range schema.Roles {
		if isCustomer(schema, r) {
			customers = append(customers, r.Name)
			continue
		}
		email := strings.ToLower(strings.ReplaceAll(r.Name, "_", ".")) + "@staff.example"
		if err := add(email, r.Name, map[string]any{"role": r.Name, "attrs": map[string]any{"region": "EMEA"}}); err != nil {
			return nil, err
		}
	}
	for _, role := range customers { // by their verified address, as real ones
		email, err := somebody(ctx, s, all)
		if err != nil {
			return nil, err
		}
		if email == "" {
			continue
		}
		if err := add(email, role, map[string]any{"role": role}); err != nil {
			return nil, err
		}
	}
	text, err := json.MarshalIndent(all, "", "  ") //nolint:gosec // for whoever started this, who signs in with them
	if err != nil {
		return nil, err
	}
	return all, os.WriteFile(file, append(text, '\n'), 0o600)
}

// isCustomer reports whether a role is there for people to see their own data.
func isCustomer(s *ir.Schema, r *ir.Role) bool {
	return !slices.ContainsFunc(s.Purposes, func(p *ir.Purpose) bool { return r.Purposes().Has(p) && !p.IsSelfService() })
}

// question is what the schema that comes along can be asked. Another schema has no customer here.
const question = `query @for(purpose: SALES) { contacts(first: 1) { nodes { email } } }`

// somebody is the address of a person of the demo, as a sales representative sees it.
func somebody(ctx context.Context, s *stack.Stack, staff []person) (string, error) {
	at := slices.IndexFunc(staff, func(p person) bool { return p.Role == "SALES_REP" })
	if at < 0 {
		return "", nil
	}
	token, err := s.Kratos.Token(ctx, &ory.Identity{Person: ory.Person{Email: staff[at].Email, Password: staff[at].Password}})
	if err != nil {
		return "", err
	}
	a, err := s.Gateways[0].Ask(ctx, stack.Session(token), question)
	if err != nil {
		return "", err
	}
	email, _ := a.Dig("contacts", "nodes", 0, "email").(string)
	return email, nil
}

// tell says where everything is and how to sign in, in lines that can be pasted into a shell.
func tell(out io.Writer, s *stack.Stack, people []person) {
	fmt.Fprintln(out)
	for i, g := range s.Gateways {
		fmt.Fprintf(out, "  gateway %d   %s/graphql   health %s/readyz\n", i+1, g.URL, g.Admin)
	}
	fmt.Fprintf(out, "  Kratos      %s\n\nWho can sign in, and as what:\n\n", s.Kratos.Public)
	width := 0
	for _, p := range people {
		width = max(width, len(p.Email))
	}
	for _, p := range people {
		fmt.Fprintf(out, "  %-*s  %s  %s\n", width, p.Email, p.Password, p.Role)
	}
	if len(people) == 0 {
		return
	}
	who, purpose := people[0], "SALES"
	if at := slices.IndexFunc(people, func(p person) bool { return p.Role == "SALES_REP" }); at >= 0 {
		who = people[at]
	}
	fmt.Fprintf(out, `
Sign in and ask, in another shell:

  FLOW=$(curl -s %[1]s/self-service/login/api | grep -o '"id":"[^"]*' | head -n 1 | cut -d'"' -f4)
  TOKEN=$(curl -s -H 'Content-Type: application/json' -d '{"method": "password", "identifier": %[2]q, "password": %[3]q}' \
    "%[1]s/self-service/login?flow=$FLOW" | grep -o '"session_token":"[^"]*' | cut -d'"' -f4)
  curl -s -H "X-Session-Token: $TOKEN" -H 'Content-Type: application/json' \
    -d '{"query": "query @for(purpose: %[4]s) { contacts(first: 2) { nodes { fullName email birthday } } }"}' %[5]s/graphql

Documents are open here: any operation is answered. Ctrl-C, or make down, ends everything.
`, s.Kratos.Public, who.Email, who.Password, purpose, s.Gateways[0].URL)
}
