package identity

import (
	"context"
	"errors"
	"net/http"

	kratos "github.com/ory/kratos-client-go"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// SignsOut ends the session that a request carries, here and on every replica, before it returns.
type SignsOut interface {
	SignOut(r *http.Request) error
}

var errNothingToEnd = refusal(http.StatusBadRequest, read.CodeBadInput, "only sessions end by signing out: a JWT is good until it expires")

// SignOut ends the session in Kratos, and then everywhere what is remembered of it. In that order: a replica that forgets
// first would look it up and find it alive.
func (k *Kratos) SignOut(r *http.Request) error {
	c, err := credentialOf(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), k.Timeout)
	defer cancel()
	if k.OIDC != nil && c.isJWT() {
		return errNothingToEnd
	}
	leave, err := k.place(ctx)
	if err != nil {
		return k.told(ctx, err)
	}
	defer leave()
	id, err := k.sessionID(ctx, c)
	if err != nil {
		return k.told(ctx, err)
	}
	if err := k.end(ctx, c); err != nil {
		return k.told(ctx, err)
	}
	if err := k.Revoke(ctx, id); err != nil {
		k.Log.WarnContext(ctx, "other replicas may believe an ended session until they look it up again", "err", err)
	}
	return nil
}

// sessionID asks Kratos, whatever is remembered.
func (k *Kratos) sessionID(ctx context.Context, c credential) (string, error) {
	s, resp, err := k.whoIs(ctx, c)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	switch {
	case resp != nil && resp.StatusCode == http.StatusUnauthorized:
		return "", errNoSession
	case err != nil:
		return "", unavailable(withoutBody(err, resp))
	}
	return s.Id, nil
}

// end asks Kratos to end a session, as the kind of its credential has it.
func (k *Kratos) end(ctx context.Context, c credential) error {
	if c.kind != byCookie {
		resp, err := k.api.FrontendAPI.PerformNativeLogout(ctx).PerformNativeLogoutBody(*kratos.NewPerformNativeLogoutBody(c.value)).Execute()
		return ended(resp, err)
	}
	cookie := cookieName + "=" + c.value
	flow, resp, err := k.api.FrontendAPI.CreateBrowserLogoutFlow(ctx).Cookie(cookie).Execute()
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return ended(resp, err)
	}
	resp, err = k.api.FrontendAPI.UpdateLogoutFlow(ctx).Token(flow.LogoutToken).Cookie(cookie).Execute()
	return ended(resp, err)
}

// ended reads what Kratos said. A session that is over already is what was wanted.
func ended(resp *http.Response, err error) error {
	if resp == nil {
		return unavailable(err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	if resp.StatusCode < http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized {
		return nil
	}
	return unavailable(withoutBody(errors.New("no sign-out"), resp))
}

// SignOut answers POST /logout: 204, and the session is over.
func SignOut(who SignsOut) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := who.SignOut(r); err != nil {
			refuse(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
