package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

type welcomeFlags struct {
	attrs []string
	json  bool
}

func newDevWelcome() *cobra.Command {
	var f welcomeFlags
	c := &cobra.Command{
		Use:   "welcome",
		Short: "say what to open, whom to be and what to ask",
		Long: `Print where the server is, a token for every role, and for each a command that asks a first question. What is asked is
made from the schema. --attr gives the attributes that the roles' conditions look at.`,
		Example: `  cloakroom dev welcome --demo --attr region=EMEA`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return welcome(c, f) },
	}
	placeFlags(c)
	c.Flags().String("listen", server.Default().Listen, "where the server listens or will listen")
	c.Flags().Bool("demo", false, "load the demo data, once; makes the data directory if there is none")
	c.Flags().StringArrayVar(&f.attrs, "attr", nil, "an attribute of every token as name=value")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return c
}

// greeting is what welcome says.
type greeting struct {
	URL   string  `json:"url"`
	Roles []guest `json:"roles"`
}

// guest is a role to try.
type guest struct {
	issued
	Description string `json:"description"`
	Query       string `json:"query,omitempty"` // its first question
}

func welcome(c *cobra.Command, f welcomeFlags) (err error) {
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
	g := greeting{URL: "http://" + config.Listen, Roles: []guest{}}
	for _, role := range h.Schema.Roles {
		who, ok, err := introduce(c, h, dev, role, f.attrs)
		if err != nil {
			return err
		}
		if ok {
			g.Roles = append(g.Roles, who)
		}
	}
	if f.json {
		return printJSON(c.OutOrStdout(), g)
	}
	return g.print(c.OutOrStdout())
}

func (g greeting) print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Open %s/graphiql in a browser, or ask %s/graphql.\n\nWhom to be (tokens of the development identity, good for 30 days):\n", g.URL, g.URL)
	for _, who := range g.Roles {
		fmt.Fprintf(&b, "\n%s: %s\n  TOKEN=%s\n", who.Role, who.Description, who.Token)
		if who.Query == "" {
			continue
		}
		body, err := json.Marshal(map[string]string{"query": who.Query})
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "  curl -s %s/graphql -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d '%s'\n", g.URL, body)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// introduce gives a role a token and its first question. A role that only looks at its own data is given somebody to be;
// while there is nobody it is left out.
func introduce(c *cobra.Command, h *house.House, dev *identity.Dev, role *ir.Role, attrs []string) (who guest, ok bool, err error) {
	subject := uuid.Nil
	if server.OnlyOwn(h.Schema, role) {
		people, err := h.People(c.Context(), 1)
		if err != nil || len(people) == 0 {
			return guest{}, false, err
		}
		subject = people[0]
	}
	p, err := identity.Person(role.Name, attrs, subject)
	if err != nil {
		return guest{}, false, err
	}
	who.Description = oneLine(role.Desc)
	if who.issued, err = issue(dev, p, identity.DefaultLife); err != nil {
		return guest{}, false, err
	}
	who.Query, _ = h.SampleQuery(role)
	return who, true, nil
}

// oneLine puts a description on one line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
