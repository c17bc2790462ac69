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
	var f tokenFlags
	c := &cobra.Command{
		Use:   "token",
		Short: "print a bearer token of the development identity",
		Long: `Print a bearer token that a server over the same data directory accepts, and nothing else. It is signed with
` + identity.KeyFile + ` in the data directory; the key is made if there is none. --json also says whom the token speaks for,
and until when. What asks for a fresh sign-in (@access(freshWithin:)) counts from the moment the token was made.`,
		Example: `  cloakroom dev token --role SALES_REP --attr region=EMEA
  cloakroom dev token --role SALES_MANAGER --aal 2
  cloakroom dev token --role CUSTOMER --subject 0190a5b2-8f63-7c3e-9a51-6d2f4c1b7e90
  curl -H "Authorization: Bearer $(cloakroom dev token --role ANALYST)" …`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return devToken(c, f) },
	}
	placeFlags(c)
	f.viewer.flags(c, "role")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON: token, role, attrs, subject, expires")
	c.Flags().DurationVar(&f.life, "life", identity.DefaultLife, "how long the token is good for")
	return c
}

type tokenFlags struct {
	viewer viewer
	life   time.Duration
	json   bool
}

// issued is a token with what it says, for scripts.
type issued struct {
	Token   string         `json:"token"`
	Role    string         `json:"role"`
	Attrs   map[string]any `json:"attrs"`
	Subject string         `json:"subject,omitempty"`
	Expires time.Time      `json:"expires"`
}

func issue(dev *identity.Dev, p policy.Principal, life time.Duration) (issued, error) {
	token, expires, err := dev.IssueUntil(p, life)
	if err != nil {
		return issued{}, err
	}
	out := issued{Token: token, Role: p.Role, Attrs: p.Attrs, Expires: expires}
	if p.IsSubject() {
		out.Subject = p.Subject.String()
	}
	return out, nil
}

func devToken(c *cobra.Command, f tokenFlags) error {
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
	p, err := f.viewer.principal(c.Context(), schema, func(ctx context.Context, text string) (policy.SubjectID, error) {
		return findSubject(ctx, c, text)
	})
	if err != nil {
		return err
	}
	dev, err := identity.NewDev(config.Data)
	if err != nil {
		return err
	}
	out, err := issue(dev, p, f.life)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(c.OutOrStdout(), out)
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), out.Token)
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
