package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// guide is what the page for trying operations is told: whom one can be, and for what one can ask.
type guide struct {
	Identity   string           `json:"identity"`
	Login      string           `json:"login,omitempty"`
	Role       string           `json:"role,omitempty"` // of the session that the browser already has
	Roles      []guideRole      `json:"roles"`
	Purposes   []guidePurpose   `json:"purposes"`
	People     []string         `json:"people"`
	Attributes []guideAttribute `json:"attributes"`
}

type guideRole struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Purposes    []string `json:"purposes"`
	Self        bool     `json:"self"` // sees nothing but the data of one person
	Sample      string   `json:"sample,omitempty"`
}

type guidePurpose struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Basis       string `json:"basis"`
	Notice      string `json:"notice"`
}

type guideAttribute struct {
	Name   string   `json:"name"`
	Roles  []string `json:"roles"`
	Values []string `json:"values"`
}

// people is how many somebody can choose among.
const people = 8

// guide answers what the page asks first. Where anybody can be anybody it tells all roles; elsewhere each viewer theirs, and
// strangers none.
func (s *Server) guide(w http.ResponseWriter, r *http.Request) {
	g := guide{Identity: s.config.Identity, Login: s.config.LoginURL(), Roles: []guideRole{}, Purposes: []guidePurpose{}, People: []string{}, Attributes: []guideAttribute{}}
	if g.Identity == "dev" {
		for _, role := range s.desk.Schema.Roles {
			g.Roles = append(g.Roles, s.describe(role))
		}
		if err := s.offer(r, &g); err != nil {
			s.log.ErrorContext(r.Context(), "list whom to be", "err", err)
			refuse(w, http.StatusInternalServerError, read.Fail(read.CodeInternal, "internal error"))
			return
		}
	} else if p, err := s.who.Authenticate(r); err == nil {
		if role := s.desk.Schema.Role(p.Role); role != nil {
			g.Role, g.Roles = role.Name, append(g.Roles, s.describe(role))
		}
	}
	for _, p := range s.desk.Schema.Purposes {
		if slices.ContainsFunc(g.Roles, func(role guideRole) bool { return slices.Contains(role.Purposes, p.Name) }) {
			g.Purposes = append(g.Purposes, guidePurpose{p.Name, oneLine(p.Desc), p.Basis.String(), oneLine(p.Notice)})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(g)
}

func (s *Server) describe(role *ir.Role) guideRole {
	d := guideRole{Name: role.Name, Description: oneLine(role.Desc), Purposes: []string{}, Self: OnlyOwn(s.desk.Schema, role)}
	for _, p := range s.desk.Schema.Purposes {
		if role.Purposes().Has(p) {
			d.Purposes = append(d.Purposes, p.Name)
		}
	}
	if s.desk.Sample != nil {
		d.Sample, _ = s.desk.Sample(role)
	}
	return d
}

// offer adds whom to be and what to be asked by, where the server offers any.
func (s *Server) offer(r *http.Request, g *guide) error {
	if s.desk.People != nil {
		ids, err := s.desk.People(r.Context(), people)
		if err != nil {
			return err
		}
		for _, id := range ids {
			g.People = append(g.People, id.String())
		}
	}
	for _, a := range attributes(s.desk.Schema) {
		out := guideAttribute{Name: a.name, Roles: a.roles, Values: []string{}}
		if s.desk.Values != nil && a.column != nil {
			values, err := s.desk.Values(r.Context(), a.column)
			if err != nil {
				return err
			}
			out.Values = append(out.Values, values...)
		}
		g.Attributes = append(g.Attributes, out)
	}
	return nil
}

// OnlyOwn reports whether a role works for no purpose but that of people who look at their own data. Who has it has to be
// somebody.
func OnlyOwn(s *ir.Schema, role *ir.Role) bool {
	own := false
	for _, p := range s.Purposes {
		if role.Purposes().Has(p) {
			if !p.IsSelfService() {
				return false
			}
			own = true
		}
	}
	return own
}

// attribute is one that conditions look at.
type attribute struct {
	name   string
	roles  []string
	column *ir.Field // compared with it, of those nobody hides; nil: there is none
}

// attributes finds what the schema's conditions ask of a viewer, by name.
func attributes(s *ir.Schema) []attribute {
	var found []attribute
	see := func(rules []*ir.Access) {
		for _, rule := range rules {
			if rule.When == nil {
				continue
			}
			walk(rule.When.Expr, func(e *ir.Expr) {
				for i, arg := range e.Args {
					if arg.Op != ir.OpViewer || slices.Contains([]string{"id", "role", "subject"}, arg.Attr) {
						continue
					}
					at := slices.IndexFunc(found, func(a attribute) bool { return a.name == arg.Attr })
					if at < 0 {
						at = len(found)
						found = append(found, attribute{name: arg.Attr})
					}
					a := &found[at]
					for _, role := range s.Roles {
						if rule.Roles.Has(role) && !slices.Contains(a.roles, role.Name) {
							a.roles = append(a.roles, role.Name)
						}
					}
					if other := e.Args[(i+1)%len(e.Args)]; a.column == nil && e.Op == ir.OpEq && other.Op == ir.OpRow {
						if f := other.Path[len(other.Path)-1]; open(f) {
							a.column = f
						}
					}
				}
			})
		}
	}
	for _, t := range s.Entities() {
		see(t.Access)
		for _, f := range t.Fields {
			see(f.Access)
		}
	}
	slices.SortFunc(found, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	return found
}

// open reports whether a column's values are about nobody and hidden from nobody.
func open(f *ir.Field) bool {
	return f.Kind == ir.Column && f.Public != nil && !f.Owner.Personal() && f.Scalar == ir.String
}

func walk(e *ir.Expr, see func(*ir.Expr)) {
	see(e)
	for _, arg := range e.Args {
		walk(arg, see)
	}
}

// oneLine puts a description on one line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
