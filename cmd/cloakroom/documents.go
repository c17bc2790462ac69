package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

func newDocuments() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "documents",
		Short: "look after the operations that clients are trusted with",
		Long: `Look after trusted documents: the operations of your own clients, registered when these are built. Where the setting
documents is enforce, nothing else is answered, so that whoever takes over a session cannot ask what no client of yours
asks. Each document works for one purpose, which it declares. See docs/operating.md.`,
		Example: `  cloakroom documents add persisted-documents.json --purpose SELF_SERVICE
  cloakroom documents verify persisted-documents.json
  cloakroom documents list`,
	})
	c.AddCommand(newDocumentsAdd(), newDocumentsVerify(), newDocumentsList(), newDocumentsRemove())
	return c
}

const manifests = `The manifest is what tools write: GraphQL Code Generator (persistedDocuments) and gql.tada (generate-persisted) an object of
ids and texts, Apollo a list of operations; or a list of your own, [{"id": …, "text": …, "purpose": …}]. A purpose stands in
the text (query @for(purpose: SALES)), in the list, or is given by --purpose for those that declare none. - is standard input.`

func newDocumentsAdd() *cobra.Command {
	var purpose string
	c := keysCommand(&cobra.Command{
		Use:   "add MANIFEST",
		Short: "register the documents of a manifest",
		Long: `Register the documents of a manifest, all of them or none. Each must be valid by the schema of the API, within its bounds,
and declare a purpose that some role works for; everything that is wrong is reported, with the place in the text. Those that
are registered already stay as they are, so the manifests of several releases of a client can be there at once. Servers know
them within a second.

` + manifests,
		Example: `  cloakroom documents add persisted-documents.json --purpose SELF_SERVICE
  cloakroom documents add - < manifest.json`,
	}, nil)
	c.Args = cobra.ExactArgs(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withManifest(c, args[0], purpose, func(h *house.House, entries []shared.Entry) error {
			n, err := h.Shared.Documents.Add(c.Context(), entries)
			if err != nil {
				return err
			}
			asJSON, _ := c.Flags().GetBool("json")
			return sayOr(c, asJSON, map[string]int{"added": n, "known": len(entries) - n},
				fmt.Sprintf("%s added, %s known already", count(int64(n), "document", "documents"), count(int64(len(entries)-n), "was", "were")))
		})
	}
	purposeFlag(c, &purpose)
	return c
}

func newDocumentsVerify() *cobra.Command {
	var purpose string
	c := keysCommand(&cobra.Command{
		Use:   "verify MANIFEST",
		Short: "say whether a manifest could be answered",
		Long: `Say whether the documents of a manifest are valid and registered, before a client that sends them is released. It changes
nothing. Exit code 1 means that some would not be answered.

` + manifests,
		Example: `  cloakroom documents verify persisted-documents.json --purpose SELF_SERVICE`,
	}, nil)
	c.Args = cobra.ExactArgs(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withManifest(c, args[0], purpose, func(h *house.House, entries []shared.Entry) error {
			all, err := h.Shared.Documents.List(c.Context())
			if err != nil {
				return err
			}
			missing := []string{}
			for _, e := range entries {
				if !slices.ContainsFunc(all, func(o shared.Entry) bool { return o.ID == e.ID && o.Text == e.Text && o.Purpose == e.Purpose }) {
					missing = append(missing, e.ID)
				}
			}
			asJSON, _ := c.Flags().GetBool("json")
			if asJSON {
				if err := printJSON(c.OutOrStdout(), map[string]any{"documents": len(entries), "missing": missing}); err != nil {
					return err
				}
			} else {
				for _, id := range missing {
					if _, err := fmt.Fprintf(c.OutOrStdout(), "%s: not registered, or for another purpose\n", id); err != nil {
						return err
					}
				}
			}
			if len(missing) > 0 {
				return errFindings
			}
			hint(c, "%s valid and registered", count(int64(len(entries)), "document is", "documents are"))
			return nil
		})
	}
	purposeFlag(c, &purpose)
	return c
}

func purposeFlag(c *cobra.Command, purpose *string) {
	c.Flags().StringVar(purpose, "purpose", "", "the purpose of documents that declare none")
	complete(c, "purpose", completePurposes(""))
}

// withManifest runs fn with the checked entries of a manifest, or reports all that is wrong with it.
func withManifest(c *cobra.Command, path, purpose string, fn func(*house.House, []shared.Entry) error) (err error) {
	f, _, err := openInput(c.Context(), path, c.InOrStdin())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	raw, err := io.ReadAll(io.NewSectionReader(f, 0, maxManifest+1))
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	if len(raw) > maxManifest {
		return fmt.Errorf("the manifest is larger than %d MiB", maxManifest>>20)
	}
	h, err := lookIntoHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	entries, faults, err := h.Manifest(raw, purpose)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return fmt.Errorf("%s", strings.Join(faults, "\n"))
	}
	return fn(h, entries)
}

const maxManifest = 64 << 20

func newDocumentsList() *cobra.Command {
	return keysCommand(&cobra.Command{
		Use:     "list",
		Short:   "list the registered documents",
		Example: `  cloakroom documents list --json | jq -r '.[] | select(.purpose == "SALES").id'`,
	}, func(c *cobra.Command, asJSON bool) (err error) {
		h, err := lookIntoHouse(c)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.Close()) }()
		all, err := h.Shared.Documents.List(c.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), append([]shared.Entry{}, all...))
		}
		if len(all) == 0 {
			hint(c, "no documents are registered: `cloakroom documents add` registers those of a manifest")
			return nil
		}
		rows := [][]string{{"ID", "PURPOSE", "OPERATION", "ADDED"}}
		for _, e := range all {
			rows = append(rows, []string{e.ID, e.Purpose, orNone(e.Name), e.Added.Format(time.DateOnly)})
		}
		return printTable(c.OutOrStdout(), rows)
	})
}

func newDocumentsRemove() *cobra.Command {
	c := keysCommand(&cobra.Command{
		Use:   "remove ID...",
		Short: "take documents out of the registry",
		Long: `Take documents out of the registry, when no client sends them any more, or when one asks too much. Servers refuse them within
a second, with PERSISTED_QUERY_NOT_FOUND.`,
		Example: `  cloakroom documents remove 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824`,
	}, nil)
	c.Args = cobra.MinimumNArgs(1)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		h, err := lookIntoHouse(c)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.Close()) }()
		ids := make([]string, len(args))
		for i, id := range args {
			ids[i] = strings.TrimPrefix(id, "sha256:")
		}
		n, err := h.Shared.Documents.Remove(c.Context(), ids)
		if err != nil {
			return err
		}
		asJSON, _ := c.Flags().GetBool("json")
		if err := sayOr(c, asJSON, map[string]int{"removed": n}, count(int64(n), "document", "documents")+" removed"); err != nil {
			return err
		}
		if n < len(ids) {
			return errFindings
		}
		return nil
	}
	return c
}
