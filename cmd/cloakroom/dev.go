package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

func newDev() *cobra.Command {
	c := group(&cobra.Command{Use: "dev", Short: "tools for trying Cloakroom out"})
	c.AddCommand(newDevToken(), newDevWelcome())
	return c
}

func newDevToken() *cobra.Command {
	var v viewer
	var life time.Duration
	c := &cobra.Command{
		Use:   "token",
		Short: "print a bearer token of the development identity",
		Long: `Print a bearer token that a server over the same data directory accepts, and nothing else. It is signed with
` + identity.KeyFile + ` in the data directory, which is made if there is none.`,
		Example: `  cloakroom dev token --role SALES_REP --attr region=EMEA
  cloakroom dev token --role CUSTOMER --subject 0190a5b2-8f63-7c3e-9a51-6d2f4c1b7e90
  curl -H "Authorization: Bearer $(cloakroom dev token --role ANALYST)" …`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return devToken(c, v, life) },
	}
	server.PlaceFlags(c.Flags())
	v.flags(c, "role")
	c.Flags().DurationVar(&life, "life", identity.DefaultLife, "how long the token is good for")
	return c
}

func devToken(c *cobra.Command, v viewer, life time.Duration) error {
	config, err := server.Load(c.Flags(), os.Environ())
	if err != nil {
		return err
	}
	if info, err := os.Stat(config.Data); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no data directory %s: `cloakroom serve` makes one; or is --data another one?", config.Data)
	}
	schema, err := house.Schema()
	if err != nil {
		return err
	}
	p, err := v.principal(c.Context(), schema, func(ctx context.Context, text string) (policy.SubjectID, error) {
		return findSubject(ctx, c, text)
	})
	if err != nil {
		return err
	}
	dev, err := identity.NewDev(config.Data)
	if err != nil {
		return err
	}
	token, err := dev.Issue(p, life)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), token)
	return err
}

// findSubject opens the database only for an id of the API: a token for a UUID needs none.
func findSubject(ctx context.Context, c *cobra.Command, text string) (id policy.SubjectID, err error) {
	if id, ok := house.ParseSubject(text); ok {
		return id, nil
	}
	if _, _, err := read.DecodeID(text); err != nil {
		return id, house.ErrNoSubject
	}
	h, err := lookIntoHouse(c)
	if err != nil {
		return id, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	return h.SubjectOf(ctx, text)
}
