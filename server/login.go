package server

import (
	"context"
	"net/url"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// SignIn says where somebody makes a step-up, by kind of client: `browser` is where to send a person, `native` what a program asks
// for a flow. Nil where there is no Kratos.
func (c Config) SignIn() graph.SignIn {
	if c.Identity != "kratos" || c.LoginURL() == "" {
		return nil
	}
	return func(ctx context.Context, need ir.StepUp) map[string]string {
		identity.Doubt(ctx) // whoever comes back with more is not taken for who they were
		out := map[string]string{}
		if u, err := url.Parse(c.LoginURL()); err == nil {
			out["browser"] = stepUpAt(*u, need)
			// A page of the operator's own begins flows in its own way; of Kratos we know both.
			if path, ok := strings.CutSuffix(u.Path, "/self-service/login/browser"); ok {
				u.Path = path + "/self-service/login/api"
				out["native"] = stepUpAt(*u, need)
			}
		}
		return out
	}
}

// stepUpAt asks for what is needed: refresh proves the factors anew, aal adds the second.
func stepUpAt(u url.URL, need ir.StepUp) string {
	q := u.Query()
	if need.AAL >= 2 {
		q.Set("aal", "aal2")
	}
	if need.FreshWithin > 0 {
		q.Set("refresh", "true")
	}
	u.RawQuery = q.Encode()
	return u.String()
}
