package optin

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// Bounds of how often a person is asked, so that nobody is written to until they give in.
const (
	PerPurpose = 3  // in Window, about one purpose
	InAll      = 10 // in Window
	Window     = 24 * time.Hour
)

// kept is how long a request is kept once its link has run out: as long as an Idempotency-Key, whose repeat is answered from it, and
// as long as it counts.
const kept = Window

// ErrNone says that there is no such request.
var ErrNone = errors.New("no such request")

// Request is consent to a purpose that a person is asked for by mail.
type Request struct {
	policy.Withheld

	ID      uuid.UUID
	Subject policy.SubjectID
	Purpose string // its name when it was asked
	Bit     int
	Notice  string // hash of the text they are asked to agree to
	// Language of that text, and of the mail: BCP 47.
	Language  string
	Own       bool      // they asked for the mail themselves
	ExpiresAt time.Time // of the consent; zero: it does not run out
	Created   time.Time
	Until     time.Time // when the link stops working
	Used      bool
	Attempts  int

	address []byte
}

// Config says how requests are kept.
type Config struct {
	policy.Withheld

	Schema  *ir.Schema
	Dialect string        // Ent's name of the database
	Key     []byte        // of the deployment, 32 bytes: what tokens are derived from
	Valid   time.Duration // how long a link works; default 48 h
	Mails   bool          // whether this server sends mail
}

// Requests are those of a database.
type Requests struct {
	c       Config
	secrets secrets
}

// New returns the requests of a database.
func New(c Config) (*Requests, error) {
	s, err := derive(c.Key)
	if c.Valid == 0 {
		c.Valid = 48 * time.Hour
	}
	return &Requests{c, s}, err
}

// Mails reports whether this server sends mail.
func (q *Requests) Mails() bool { return q.c.Mails }

// Token is what a request's link has in it.
func (q *Requests) Token(id uuid.UUID) Token { return q.secrets.token(id) }

// Querier is a database or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Add adds a request, and sets until when its link works. A wait above zero says that the person was asked often enough: nothing
// was added, and it can be after that. The caller holds the person's rows, so that two requests count each other.
func (q *Requests) Add(ctx context.Context, tx *sql.Tx, r *Request, now time.Time) (wait time.Duration, err error) {
	if wait, err = q.wait(ctx, tx, r, now); wait > 0 || err != nil {
		return wait, err
	}
	r.Created, r.Until = now, now.Add(q.c.Valid)
	_, err = tx.ExecContext(ctx, q.sql(`INSERT INTO consent_requests
		(id, token_hash, subject_id, purpose, bit, notice_hash, language, own, consent_until, created_at, link_until, attempts, next_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`),
		r.ID.String(), q.Token(r.ID).hash(), r.Subject.String(), r.Purpose, r.Bit, r.Notice, r.Language, r.Own, moment(r.ExpiresAt), micro(now), micro(r.Until), micro(now))
	if err != nil {
		return 0, fmt.Errorf("keep what a person is asked: %w", err)
	}
	return 0, nil
}

// wait is how long it takes until the person may be asked again.
func (q *Requests) wait(ctx context.Context, tx *sql.Tx, r *Request, now time.Time) (wait time.Duration, err error) {
	var all, about []time.Time
	err = q.each(ctx, tx, func(scan func(...any) error) error {
		var bit int
		var at int64
		err := scan(&bit, &at)
		all = append(all, time.UnixMicro(at))
		if bit == r.Bit {
			about = append(about, time.UnixMicro(at))
		}
		return err
	}, `SELECT bit, created_at FROM consent_requests WHERE subject_id = ? AND created_at > ? ORDER BY created_at DESC`, r.Subject.String(), micro(now.Add(-Window)))
	if err != nil {
		return 0, fmt.Errorf("count what a person is asked: %w", err)
	}
	for _, c := range []struct {
		times []time.Time
		most  int
	}{{about, PerPurpose}, {all, InAll}} {
		if len(c.times) >= c.most {
			wait = max(wait, c.times[c.most-1].Add(Window).Sub(now))
		}
	}
	return wait, nil
}

const columns = `id, subject_id, purpose, bit, notice_hash, language, own, address, consent_until, created_at, link_until, used_at, attempts`

// By returns the request of a link, used or not, or ErrNone. Lock has others wait for the end of the transaction.
func (q *Requests) By(ctx context.Context, db Querier, t Token, lock bool) (*Request, error) {
	r, err := q.one(ctx, db, `token_hash = ?`+q.forUpdate(lock, ""), t.hash())
	if err == nil && !hmac.Equal([]byte(q.Token(r.ID).text), []byte(t.text)) { // a row that somebody changed
		err = ErrNone
	}
	return r, err
}

// Get returns a request by its id, or ErrNone.
func (q *Requests) Get(ctx context.Context, db Querier, id uuid.UUID) (*Request, error) {
	return q.one(ctx, db, `id = ?`, id.String())
}

func (q *Requests) one(ctx context.Context, db Querier, where string, arg any) (r *Request, err error) {
	err = q.each(ctx, db, func(scan func(...any) error) error {
		r = &Request{}
		var until, used sql.NullInt64
		var created, link int64
		err := scan(&r.ID, &r.Subject, &r.Purpose, &r.Bit, &r.Notice, &r.Language, &r.Own, &r.address, &until, &created, &link, &used, &r.Attempts)
		r.Created, r.Until, r.Used = time.UnixMicro(created).UTC(), time.UnixMicro(link).UTC(), used.Valid
		if until.Valid {
			r.ExpiresAt = time.UnixMicro(until.Int64).UTC()
		}
		return err
	}, `SELECT `+columns+` FROM consent_requests WHERE `+where, arg)
	if err == nil && r == nil {
		err = ErrNone
	}
	if err != nil && !errors.Is(err, ErrNone) {
		err = fmt.Errorf("read what a person is asked: %w", err)
	}
	return r, err
}

// Purpose is what is asked for, while the schema has it under the same name and number; nil after that.
func (q *Requests) Purpose(r *Request) *ir.Purpose {
	if p := q.c.Schema.Purpose(r.Purpose); p != nil && p.Bit == r.Bit && p.ByConsent() {
		return p
	}
	return nil
}

// WentTo reports whether the mail was sent to one of the addresses.
func (q *Requests) WentTo(r *Request, addresses []string) bool {
	for _, a := range addresses {
		if r.address != nil && hmac.Equal(r.address, q.secrets.address(r.Subject, a)) {
			return true
		}
	}
	return false
}

// Use marks a request as used, and with it every other that asks the person the same.
func (q *Requests) Use(ctx context.Context, tx *sql.Tx, r *Request, now time.Time) error {
	_, err := tx.ExecContext(ctx, q.sql(`UPDATE consent_requests SET used_at = ?, next_at = NULL WHERE subject_id = ? AND bit = ? AND used_at IS NULL`),
		micro(now), r.Subject.String(), r.Bit)
	if err != nil {
		return fmt.Errorf("use a link: %w", err)
	}
	return nil
}

// Sweep deletes the requests that are over, and those of people whose rows are gone or about to be.
func (q *Requests) Sweep(ctx context.Context, db Querier, now time.Time) error {
	_, err := db.ExecContext(ctx, q.sql(`DELETE FROM consent_requests WHERE link_until < ? AND created_at < ?`), micro(now.Add(-kept)), micro(now.Add(-kept)))
	if err == nil {
		_, err = db.ExecContext(ctx, `DELETE FROM consent_requests WHERE `+q.nobodys())
	}
	if err != nil {
		return fmt.Errorf("delete what people were asked: %w", err)
	}
	return nil
}

// Forget deletes the requests of a person who has no rows any more.
func (q *Requests) Forget(ctx context.Context, tx *sql.Tx, subject policy.SubjectID) error {
	if _, err := tx.ExecContext(ctx, q.sql(`DELETE FROM consent_requests WHERE subject_id = ? AND `+q.nobodys()), subject.String()); err != nil {
		return fmt.Errorf("delete what a person was asked: %w", err)
	}
	return nil
}

// nobodys is the condition that there are no rows of the person.
func (q *Requests) nobodys() string {
	var all []string
	for _, t := range q.c.Schema.Types {
		if t.Subject {
			all = append(all, fmt.Sprintf(`NOT EXISTS (SELECT 1 FROM "%s" AS p WHERE p.subject_id = consent_requests.subject_id AND p.privacy_state & %d = 0)`,
				strings.ReplaceAll(t.Table, `"`, `""`), int64(policy.Erasing)))
		}
	}
	if all == nil {
		return "1 = 1"
	}
	return strings.Join(all, " AND ")
}

// micro is a moment as the table has it; moment is one that may not be.
func micro(t time.Time) int64 { return t.UnixMicro() }

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micro(t)
}

func (q *Requests) postgres() bool { return q.c.Dialect == dialect.Postgres }

// forUpdate locks the rows of a SELECT. SQLite has one writer at a time anyway.
func (q *Requests) forUpdate(lock bool, how string) string {
	if !lock || !q.postgres() {
		return ""
	}
	return " FOR UPDATE" + how
}

// sql is a statement as this database has its parameters.
func (q *Requests) sql(query string) string { return store.Numbered(q.c.Dialect, query) }

func (q *Requests) each(ctx context.Context, db Querier, row func(scan func(...any) error) error, query string, args ...any) (err error) {
	rows, err := db.QueryContext(ctx, q.sql(query), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
