package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

func newDevWelcome() *cobra.Command {
	var attrs []string
	c := &cobra.Command{
		Use:   "welcome",
		Short: "say what to open, whom to be and what to ask",
		Long: `Print where the server is, a token for every role, and for each a command that asks a first question. What is asked is
made from the schema. --attr gives the attributes that the roles' conditions look at.`,
		Example: `  cloakroom dev welcome --demo --attr region=EMEA`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return welcome(c, attrs) },
	}
	server.PlaceFlags(c.Flags())
	c.Flags().String("listen", server.Default().Listen, "where the server listens or will listen")
	c.Flags().Bool("demo", false, "load the demo data, once")
	c.Flags().StringArrayVar(&attrs, "attr", nil, "an attribute of every token as name=value")
	return c
}

func welcome(c *cobra.Command, attrs []string) (err error) {
	config, err := server.Load(c.Flags(), os.Environ())
	if err != nil {
		return err
	}
	open := lookIntoHouse
	if config.Demo {
		open = openHouse
	}
	h, err := open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if config.Demo {
		if err := h.Demo(c.Context()); err != nil {
			return err
		}
	}
	dev, err := identity.NewDev(config.Data)
	if err != nil {
		return err
	}
	url := "http://" + config.Listen
	var b bytes.Buffer
	fmt.Fprintf(&b, "Open %s/ in a browser, or ask %s/graphql.\n\nWhom to be (tokens of the development identity, good for 30 days):\n", url, url)
	for _, role := range h.Schema.Roles {
		if err := introduce(c, &b, h, dev, role, attrs, url); err != nil {
			return err
		}
	}
	_, err = c.OutOrStdout().Write(b.Bytes())
	return err
}

// introduce prints a role's token and its first question. A role that only looks at its own data is given somebody to be.
func introduce(c *cobra.Command, b *bytes.Buffer, h *house.House, dev *identity.Dev, role *ir.Role, attrs []string, url string) error {
	subject := uuid.Nil
	if onlyOwn(h.Schema, role) {
		var found bool
		var err error
		if subject, found, err = h.AnySubject(c.Context()); err != nil || !found {
			return err
		}
	}
	p, err := identity.Person(role.Name, attrs, subject)
	if err != nil {
		return err
	}
	token, err := dev.Issue(p, identity.DefaultLife)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\n%s: %s\n  TOKEN=%s\n", role.Name, strings.Join(strings.Fields(role.Desc), " "), token)
	query, ok := h.SampleQuery(role)
	if !ok {
		return nil
	}
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "  curl -s %s/graphql -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d '%s'\n", url, body)
	return nil
}

func onlyOwn(s *ir.Schema, role *ir.Role) bool {
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
