package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

type destroyFlags struct {
	subjects []string
	file     string
	because  string
	version  int64
	yes      bool
}

func newKeysDestroy() *cobra.Command {
	var f destroyFlags
	c := keysCommand(&cobra.Command{
		Use:   "destroy",
		Short: "destroy the keys of people, or an old version of the key-encryption key",
		Long: `Destroy the keys of people (--subject, --subjects). What is sealed with them can never be read again, by nobody and in no
backup. Their records exist for nobody from then on; what the schema stores PLAIN about them is hidden, and still in the
database. The erasure is written into the ledger with the reason, and is carried out again on whatever is restored.

Or destroy a version of the key-encryption key that wraps nothing any more (--version), and with it the older root keys where
the root key is a file. Older backups of the keys database are of no use then: there must be a newer one.

There is no way back, so it asks first. --yes answers for scripts.`,
		Example: `  cloakroom keys destroy --subject Q29udGFjdDoo0NfSV59ee7_QJY6PP5s0 --because "request 4711"
  cloakroom keys destroy --subjects erase.txt --because "retention, March" --yes
  cloakroom keys destroy --version 1`,
	}, func(c *cobra.Command, asJSON bool) error {
		if c.Flags().Changed("version") {
			return destroyVersion(c, f, asJSON)
		}
		return destroySubjects(c, f, asJSON)
	})
	c.Flags().StringArrayVar(&f.subjects, "subject", nil, "a person: a subject's UUID, or the id of a record that is a person; repeat it for several")
	c.Flags().StringVar(&f.file, "subjects", "", "a file with one person to a line, - for standard input")
	c.Flags().StringVar(&f.because, "because", "", "why, for the ledger, which keeps it for good: name a request, never a person")
	c.Flags().Int64Var(&f.version, "version", 0, "a version of the key-encryption key, see `cloakroom keys status`")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	complete(c, "subject", cobra.NoFileCompletions)
	complete(c, "because", cobra.NoFileCompletions)
	complete(c, "version", cobra.NoFileCompletions)
	c.MarkFlagsOneRequired("subject", "subjects", "version")
	for _, flag := range []string{"subject", "subjects", "because"} {
		c.MarkFlagsMutuallyExclusive(flag, "version")
	}
	return c
}

// destroyed says whose keys are no more.
type destroyed struct {
	Subjects []string `json:"subjects"`
	Because  string   `json:"because"`
}

func destroySubjects(c *cobra.Command, f destroyFlags, asJSON bool) (err error) {
	if err := house.CheckReason(f.because); err != nil {
		return fmt.Errorf("--because: %w", err)
	}
	people, err := f.people(c)
	if err != nil {
		return err
	}
	h, err := lookIntoHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	subjects, err := findAll(c.Context(), h, people)
	if err != nil {
		return err
	}
	whose := count(int64(len(subjects)), "person", "people")
	if !f.yes {
		what := fmt.Sprintf("The keys of %s will be destroyed. What is sealed with them can never be read again, by nobody and in no backup.", whose)
		if err := confirm(c, what); err != nil {
			return err
		}
	}
	if err := h.Destroy(c.Context(), f.because, subjects...); err != nil {
		return orStopped(c.Context(), err)
	}
	d := destroyed{Because: f.because}
	for _, s := range subjects {
		d.Subjects = append(d.Subjects, s.String())
	}
	if err := sayOr(c, asJSON, d, fmt.Sprintf("the keys of %s are destroyed, and their records exist for nobody any more", whose)); err != nil {
		return err
	}
	hint(c, "what is stored PLAIN about them is hidden, and still in the database; back up the erasure ledger, which keeps a restore from bringing them back")
	return nil
}

// person is whom a flag or a line of a file names.
type person struct{ where, text string }

// people are all that were named. Standard input has been read when it is asked for, so nobody can be asked there.
func (f destroyFlags) people(c *cobra.Command) ([]person, error) {
	var out []person
	for _, s := range f.subjects {
		out = append(out, person{"--subject", s})
	}
	if f.file == "" {
		return out, nil
	}
	var text []byte
	var err error
	name := f.file
	if name == "-" {
		if !f.yes {
			return nil, errors.New("nothing was destroyed: the list comes from standard input, so you cannot be asked there; --yes says that you mean it")
		}
		name = "standard input"
		text, err = readAll(c.Context(), c.InOrStdin())
	} else {
		text, err = os.ReadFile(f.file)
	}
	if err != nil {
		return nil, fmt.Errorf("--subjects: %w", err)
	}
	for n, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, person{fmt.Sprintf("%s, line %d", name, n+1), line})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("--subjects: %s names nobody: want one subject's UUID, or id of a record, to a line", name)
	}
	return out, nil
}

// maxWrong is how many mistakes in a list are told.
const maxWrong = 10

// findAll finds everybody before anything is done. It does not repeat what it does not know: a list may have been exported
// with the wrong column.
func findAll(ctx context.Context, h *house.House, people []person) ([]policy.SubjectID, error) {
	var out []policy.SubjectID
	var wrong []error
	seen := map[policy.SubjectID]bool{}
	for _, p := range people {
		id, err := h.Erasable(ctx, p.text)
		switch {
		case errors.Is(err, house.ErrNoSubject), errors.Is(err, house.ErrUnknownSubject):
			wrong = append(wrong, fmt.Errorf("%s: %w", p.where, err))
		case err != nil:
			return nil, err
		case !seen[id]:
			seen[id] = true
			out = append(out, id)
		}
	}
	if len(wrong) > maxWrong {
		wrong = append(slices.Clip(wrong[:maxWrong]), fmt.Errorf("and %d more", len(wrong)-maxWrong))
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("nothing was destroyed:\n%w", errors.Join(wrong...))
	}
	return out, nil
}

// retired says which version is no more.
type retired struct {
	Version int64 `json:"version"`
}

func destroyVersion(c *cobra.Command, f destroyFlags, asJSON bool) (err error) {
	h, err := lookIntoHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if !f.yes {
		what := fmt.Sprintf("Version %d of the key-encryption key will be destroyed. Backups of the keys database from before it was replaced are of no use then: is there a newer one?", f.version)
		if err := confirm(c, what); err != nil {
			return err
		}
	}
	err = h.Keyring.Retire(c.Context(), f.version)
	if errors.Is(err, house.ErrVersionInUse) {
		return fmt.Errorf("%w: `cloakroom keys rotate` makes a newer version, `cloakroom keys rewrap` wraps the keys with it", err)
	}
	if err != nil {
		return orStopped(c.Context(), err)
	}
	if err := sayOr(c, asJSON, retired{f.version}, fmt.Sprintf("version %d of the key-encryption key is destroyed", f.version)); err != nil {
		return err
	}
	hint(c, "%s", h.ClosesBackups())
	return nil
}
