package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/identity"
	"github.com/cloakroom-crm/cloakroom/server/journal"
)

// openHouse opens the data directory that flags, environment and configuration file name, and makes it if there is none:
// for commands that bring something in.
func openHouse(c *cobra.Command) (*house.House, error) {
	o, err := houseOptions(c)
	if err != nil {
		return nil, err
	}
	return house.Open(c.Context(), o)
}

// lookIntoHouse is openHouse for commands that only look: what is not there is a mistake, and not made.
func lookIntoHouse(c *cobra.Command) (*house.House, error) {
	o, err := houseOptions(c)
	if err != nil {
		return nil, err
	}
	o.Existing = true
	return house.Open(c.Context(), o)
}

// tryHouse is for dry runs: it opens what is there without changing it, or else something empty that leaves nothing behind.
func tryHouse(c *cobra.Command) (h *house.House, empty bool, err error) {
	o, err := houseOptions(c)
	if err != nil {
		return nil, false, err
	}
	o.Existing, o.AsIs = true, true
	h, err = house.Open(c.Context(), o)
	if errors.Is(err, house.ErrNoDatabase) {
		h, err = house.Scratch(c.Context(), o.Log)
		return h, true, err
	}
	return h, false, err
}

// houseOptions logs errors only: these commands speak through their output.
func houseOptions(c *cobra.Command) (house.Options, error) {
	config, err := server.Load(c.Flags(), os.Environ())
	if err != nil {
		return house.Options{}, err
	}
	log := slog.New(journal.Handler(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelError})))
	return optionsOf(config, log), nil
}

// optionsOf are the places a configuration names.
func optionsOf(c server.Config, log *slog.Logger) house.Options {
	return house.Options{Data: c.Data, Database: c.DatabaseURL(), Check: c.Migrate == "check", Log: log, Standbys: c.ReadReplicas, Confirm: c.Confirm,
		Mail: house.Mail{Server: c.Mail.URL, From: c.Mail.From, Link: c.Origin() + server.ConfirmPath, Valid: c.Mail.Valid}, Links: c.LinkOrigin(),
		Keys: house.Keys{Database: c.Keys.DSN, Root: c.Keys.Root, Ledger: c.Keys.Ledger}}
}

// viewer is who a command acts as.
type viewer struct {
	role    string
	attrs   []string
	subject string
	aal     int
}

// flags declares the viewer's flags; the role's name differs between commands.
func (v *viewer) flags(c *cobra.Command, role string) {
	c.Flags().StringVar(&v.role, role, "", "the role, a value of the schema's Role enum")
	c.Flags().StringArrayVar(&v.attrs, "attr", nil, "an attribute of the viewer as name=value; repeat a name for a list")
	c.Flags().StringVar(&v.subject, "subject", "", "the person this viewer is: a subject's UUID, or the id of a record that is a person")
	c.Flags().IntVar(&v.aal, "aal", 1, "how sure it is who this is: 1 for one factor, 2 for two, as @access(aal: 2) asks")
	_ = c.MarkFlagRequired(role) // fails only for a flag that was not declared
	complete(c, role, completeRoles)
	complete(c, "attr", cobra.NoFileCompletions)
	complete(c, "subject", cobra.NoFileCompletions)
}

// principal turns the flags into a principal of the schema. Find resolves the subject.
func (v *viewer) principal(ctx context.Context, s *ir.Schema, find func(context.Context, string) (policy.SubjectID, error)) (policy.Principal, error) {
	if s.Role(v.role) == nil {
		return policy.Principal{}, fmt.Errorf("the schema has no role %q; it has %s", v.role, roles(s))
	}
	subject := uuid.Nil
	if v.subject != "" {
		var err error
		if subject, err = find(ctx, v.subject); err != nil {
			return policy.Principal{}, fmt.Errorf("--subject: %w", err)
		}
	}
	if v.aal < 1 || v.aal > ir.MaxAAL {
		return policy.Principal{}, fmt.Errorf("--aal: want 1 for one factor, or %d for two", ir.MaxAAL)
	}
	p, err := identity.Person(v.role, v.attrs, subject)
	p.AAL, p.AuthenticatedAt = v.aal, time.Now()
	return p, err
}

func roles(s *ir.Schema) string {
	names := make([]string, 0, len(s.Roles))
	for _, r := range s.Roles {
		names = append(names, r.Name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}
