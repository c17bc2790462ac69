package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloakroom-crm/cloakroom/graph"
)

// ErrUnknownSession says that Kratos has neither an identity nor a session of the id.
var ErrUnknownSession = errors.New("Kratos has no identity and no session of this id")

// EndSessions ends all sessions of an identity in Kratos, or one session, by the admin API at url. Whoever remembers them has to
// be told afterwards: TellRevoked.
func EndSessions(ctx context.Context, url, id string, timeout time.Duration) error {
	api := clientOf(url, &http.Client{Timeout: timeout, Transport: bounded{http.DefaultTransport}}).IdentityAPI
	resp, err := api.DeleteIdentitySessions(ctx, id).Execute()
	if known, err := carriedOut(resp, err); known || err != nil {
		return err
	}
	resp, err = api.DisableSession(ctx, id).Execute()
	if known, err := carriedOut(resp, err); known || err != nil {
		return err
	}
	return ErrUnknownSession
}

// carriedOut reports whether Kratos knew the id. What it says of one it does not is 404, or 400 for what has not the form of an id.
func carriedOut(resp *http.Response, err error) (bool, error) {
	if resp == nil {
		return false, fmt.Errorf("ask the admin API of Kratos: %w", err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusBadRequest:
		return false, nil
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return false, fmt.Errorf("the admin API of Kratos answered %d: is kratos.admin its address, and are you allowed?", resp.StatusCode)
	}
	return true, nil
}

// TellRevoked tells every replica on events that the sessions of an identity, or one session, are over.
func TellRevoked(ctx context.Context, events graph.Events, id string) error {
	return events.Publish(ctx, graph.TopicRevoked, []byte(id))
}
