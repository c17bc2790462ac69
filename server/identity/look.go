package identity

import (
	"context"
	"errors"
	"net/http"
	"strings"

	kratos "github.com/ory/kratos-client-go"
)

// Each API says which it is: the public one refuses whoever brings no session, and only the admin one tells its version.
var (
	errNotPublic = errors.New("this is not the public API of Kratos, which says 401 to whoever brings no session")
	errNotAdmin  = errors.New("this is not the admin API of Kratos, which tells its version")
)

// PublicKratos asks the public API of Kratos at url whether it would say who somebody is.
func PublicKratos(ctx context.Context, url string) error {
	api := kratosAt(url)
	_, resp, err := api.MetadataAPI.IsReady(ctx).Execute()
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	switch {
	case err != nil && resp != nil && resp.StatusCode < http.StatusInternalServerError:
		return errNotPublic
	case err != nil:
		return withoutBody(err, resp)
	}
	_, whoami, err := api.FrontendAPI.ToSession(ctx).Execute()
	if whoami != nil && whoami.Body != nil {
		_ = whoami.Body.Close()
	}
	switch {
	case err != nil && whoami == nil:
		return err
	case err == nil || whoami.StatusCode != http.StatusUnauthorized:
		return errNotPublic
	}
	return nil
}

// AdminKratos asks the admin API of Kratos at url for its version.
func AdminKratos(ctx context.Context, url string) (version string, err error) {
	said, resp, err := kratosAt(strings.TrimSuffix(url, "/") + "/admin").MetadataAPI.GetVersion(ctx).Execute()
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	switch {
	case err != nil && resp == nil:
		return "", err
	case err != nil:
		return "", errNotAdmin
	}
	return said.GetVersion(), nil
}

func kratosAt(url string) *kratos.APIClient {
	return clientOf(url, &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     bounded{&http.Transport{DisableKeepAlives: true}},
	})
}
