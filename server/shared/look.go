package shared

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// Server is what a Redis says of itself. What it does not say is empty.
type Server struct {
	Version    string
	Role       string // master or slave
	Policy     string // what it lets go of when memory is full
	Memory     int64  // bytes it may use; 0: as many as there are
	Used       int64
	CannotSave bool // so that it refuses to write
}

// LookAt asks a Redis how it is, and leaves nothing behind.
func LookAt(ctx context.Context, t Target, log *slog.Logger) (s Server, err error) {
	quiet(log)
	l := newLink(t, "", log)
	defer func() { err = errors.Join(err, l.stop()) }()
	if err := l.client.Ping(ctx).Err(); err != nil {
		var answer redis.Error
		if errors.As(err, &answer) {
			return s, fmt.Errorf("it refuses: %w", err)
		}
		return s, fmt.Errorf("it does not answer: %w", err)
	}
	for _, section := range []string{"server", "replication", "memory", "persistence"} {
		text, err := l.client.Info(ctx, section).Result()
		if err != nil {
			return s, fmt.Errorf("it does not tell how it is: %w", err)
		}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch name {
			case "redis_version":
				s.Version = value
			case "role":
				s.Role = value
			case "maxmemory_policy":
				s.Policy = value
			case "maxmemory":
				_, _ = fmt.Sscan(value, &s.Memory)
			case "used_memory":
				_, _ = fmt.Sscan(value, &s.Used)
			case "rdb_last_bgsave_status":
				s.CannotSave = value == "err"
			}
		}
	}
	return s, nil
}

// CountDocuments is how many documents are registered in a database, which may be opened to look.
func CountDocuments(ctx context.Context, s *store.Store) (n int, err error) {
	made, err := s.HasTable(ctx, "shared_documents")
	if err != nil || !made {
		return 0, err
	}
	if err := s.DB.QueryRowContext(ctx, `SELECT count(*) FROM shared_documents`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count documents: %w", err)
	}
	return n, nil
}
