package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

func newSessions() *cobra.Command {
	c := group(&cobra.Command{Use: "sessions", Short: "end sessions of Ory Kratos at once"})
	c.AddCommand(newSessionsRevoke())
	return c
}

func newSessionsRevoke() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "end a session, or all of an identity",
		Long: `End a session of Ory Kratos, or all sessions of an identity, and have every server forget it at once. ID is that of the
identity or the session in Kratos; kratos.admin says where its admin API is.

Servers learn of it through Redis. Without Redis each believes a session for kratos.cache after it looked it up, and so for
as long at most after this.`,
		Example: `  cloakroom sessions revoke 8f3c3b1e-6f2b-4c7e-9a51-6d2f4c1b7e90 --kratos.admin http://127.0.0.1:4434`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return sessionsRevoke(c, args[0], asJSON) },
	}
	server.Flags(c.Flags())
	completeSettings(c)
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

// revoked says what revoke did.
type revoked struct {
	ID   string `json:"id"`
	Told bool   `json:"told"` // servers were told; else they find out within kratos.cache
}

func sessionsRevoke(c *cobra.Command, id string, asJSON bool) (err error) {
	config, err := server.Load(c.Flags(), os.Environ())
	if err != nil {
		return err
	}
	if config.Kratos.Admin == "" {
		return errors.New("kratos.admin: name the admin API of Ory Kratos, for example http://127.0.0.1:4434")
	}
	if err := identity.EndSessions(c.Context(), config.Kratos.Admin, id, config.Kratos.Timeout); err != nil {
		return err
	}
	r := revoked{ID: id}
	line := fmt.Sprintf("ended in Kratos; servers find out within kratos.cache (%s)", config.Kratos.Cache)
	if config.Redis != "" {
		o := optionsOf(config, server.NewLogger(c.ErrOrStderr(), config))
		o.Existing, o.Redis = true, config.Redis
		h, err := house.Open(c.Context(), o)
		if err == nil {
			err = errors.Join(identity.TellRevoked(c.Context(), h.Shared.Events, id), h.Close())
		}
		if err != nil {
			return fmt.Errorf("ended in Kratos, but servers were not told and find out within kratos.cache (%s): %w", config.Kratos.Cache, err)
		}
		r.Told, line = true, "ended in Kratos, and servers were told"
	}
	return sayOr(c, asJSON, r, line)
}
