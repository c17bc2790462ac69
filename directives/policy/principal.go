package policy

import (
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// SubjectID identifies a natural person across every row that is about them.
type SubjectID = uuid.UUID

// Principal is who asks: an authenticated identity, the one role it acts in, and its attributes.
type Principal struct {
	Withheld

	ID    string         // stable identifier of the identity, never shown
	Role  string         // a value of the schema's Role enum
	Attrs map[string]any // for `when`: string, bool, int64, float64 or a slice of these
	// Subject is the natural person this principal is, of a data subject; nil UUID for staff. A principal with a subject
	// reaches nothing but that subject's own records, whatever its role.
	Subject SubjectID
	// AAL is the authenticator assurance level of the session (NIST SP 800-63B): 1 for one factor, 2 for two, 0 if nobody
	// knows. AuthenticatedAt is when the person last proved who they are; zero if nobody knows. Both are asked for by
	// @access(aal:, freshWithin:), and what is not known is not enough.
	AAL             int
	AuthenticatedAt time.Time
}

// IsSubject reports whether the principal is a data subject.
func (p Principal) IsSubject() bool { return p.Subject != uuid.Nil }

// LogValue keeps attributes and the subject out of logs.
func (p Principal) LogValue() slog.Value {
	return slog.GroupValue(slog.String("role", p.Role), slog.Bool("subject", p.IsSubject()))
}
