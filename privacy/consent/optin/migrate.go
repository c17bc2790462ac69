package optin

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin/schema"
)

// Table holds the requests, with the person's number in subject_id: the rows of whoever is erased go from it.
const Table = "consent_requests"

const versions = "consent_requests_version"

func migrations(s *store.Store) (fs.FS, error) {
	return fs.Sub(schema.FS, strings.TrimSuffix(s.Dialect, "3"))
}

// Migrate brings the table to this program's version.
func Migrate(ctx context.Context, s *store.Store) error {
	files, err := migrations(s)
	if err != nil {
		return err
	}
	if err := s.MigrateFrom(ctx, files, versions); err != nil {
		return fmt.Errorf("what people are asked by mail: %w", err)
	}
	return nil
}

// Pending are the migrations that Migrate would apply. It reads only.
func Pending(ctx context.Context, s *store.Store) ([]store.Pending, error) {
	files, err := migrations(s)
	if err != nil {
		return nil, err
	}
	pending, err := s.PendingFrom(ctx, files, versions)
	if err != nil {
		return nil, fmt.Errorf("what people are asked by mail: %w", err)
	}
	for i := range pending {
		pending[i].File = "opt-in/" + pending[i].File
	}
	return pending, nil
}
