package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"entgo.io/ent/dialect"

	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

// What clocks may differ by: replicas compare theirs, and notices are believed for this long.
const (
	clockWarn = 2 * time.Second
	clockFail = 30 * time.Second
)

// room is a database that was looked into.
type room struct {
	*store.Store

	there bool
	err   error
	end   func()
}

// enter opens databases side by side: one that hangs must not hide how the others are.
func enter(ctx context.Context, rooms ...house.Room) []room {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	out, done := make([]room, len(rooms)), make(chan int, len(rooms))
	for i, r := range rooms {
		go func() {
			s, there, end, err := r.Look(ctx)
			out[i] = room{s, there, err, end}
			done <- i
		}()
	}
	for range rooms {
		<-done
	}
	return out
}

// databases looks into the three of them, and at what can be known only from there.
func (p *patient) databases(ctx context.Context, tell teller) {
	if err := p.house.Apart(); err != nil {
		tell("keys database", Fail, err.Error(), "")
	}
	data, keys, ledger := p.house.Rooms()
	in := enter(ctx, data, keys, ledger)
	for i, name := range []string{"database", "keys database", "erasure ledger"} {
		if r := in[i]; r.err != nil {
			troubled(tell, name, r.err)
		} else {
			defer r.end()
		}
	}
	if in[0].err == nil {
		p.database(ctx, "database", "database", in[0], tell)
		p.clock(ctx, in[0], tell)
		p.documents(ctx, in[0], tell)
		p.gatewayKey(ctx, in[0], tell)
	}
	if in[1].err == nil {
		p.database(ctx, "keys database", "keys.dsn", in[1], tell)
	}
	if in[0].err == nil && in[1].err == nil {
		p.rootKey(ctx, in[0], in[1], tell)
	}
	if in[2].err == nil {
		p.ledger(ctx, in[0], in[2], tell)
	}
	if in[0].err == nil && in[1].err == nil && in[2].err == nil {
		p.schema(ctx, in, tell)
	}
	rest(tell, []string{"clock", "schema", "documents", "gateway key", "root key"}, Skip, "a database that it is about cannot be looked into", "")
}

// troubled tells of an error, and of its remedy if it comes with one.
func troubled(tell teller, name string, err error) {
	var t *house.Trouble
	if errors.As(err, &t) {
		tell(name, Fail, strings.TrimSuffix(err.Error(), ": "+t.Remedy), t.Remedy)
		return
	}
	tell(name, Fail, err.Error(), "")
}

// database tells of a database that answers: what it is, and whether the way to it is safe.
func (p *patient) database(ctx context.Context, name, setting string, r room, tell teller) {
	if !r.there {
		tell(name, OK, "there is none yet: it is made at the start", "")
		return
	}
	if r.Dialect != dialect.Postgres {
		var version string
		if err := r.DB.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version); err != nil {
			troubled(tell, name, err)
			return
		}
		tell(name, OK, "SQLite "+version, "")
		return
	}
	var version string
	var replica bool
	if err := r.DB.QueryRowContext(ctx, `SELECT split_part(current_setting('server_version'), ' ', 1), pg_is_in_recovery()`).Scan(&version, &replica); err != nil {
		troubled(tell, name, err)
		return
	}
	says := "PostgreSQL " + version
	if replica {
		tell(name, Fail, says+" is a replica, which cannot be written to", "name its primary in the setting `"+setting+"`")
		return
	}
	encrypted, verified, local, err := way(ctx, r.Store)
	switch {
	case err != nil:
		troubled(tell, name, err)
	case local:
		tell(name, OK, says+", on this machine", "")
	case !encrypted:
		tell(name, Warn, says+": what is read and written travels in the clear", "put sslmode=verify-full into the URL in the setting `"+setting+"`")
	case !verified:
		tell(name, Warn, says+": whoever is on the way can answer in its place", "put sslmode=verify-full, and sslrootcert where the authority is your own, into the URL in the setting `"+setting+"`")
	default:
		tell(name, OK, says+", over TLS", "")
	}
}

// way is how safe the connection to a PostgreSQL is.
func way(ctx context.Context, s *store.Store) (encrypted, verified, local bool, err error) {
	c, err := s.Pool.Acquire(ctx)
	if err != nil {
		return false, false, false, err
	}
	defer c.Release()
	config := c.Conn().Config()
	_, encrypted = c.Conn().PgConn().Conn().(*tls.Conn)
	if t := config.TLSConfig; t != nil {
		verified = !t.InsecureSkipVerify || t.VerifyPeerCertificate != nil
	}
	return encrypted, encrypted && verified, loopback(config.Host), nil
}

// clock compares the clock of a database with ours.
func (p *patient) clock(ctx context.Context, r room, tell teller) {
	if r.Dialect != dialect.Postgres {
		tell("clock", Skip, "the database is on this machine", "")
		return
	}
	var theirs time.Time
	began := time.Now()
	if err := r.DB.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&theirs); err != nil {
		troubled(tell, "clock", err)
		return
	}
	took := time.Since(began)
	apart := theirs.Sub(began.Add(took / 2)).Abs()
	apart = max(0, apart-took/2)
	switch state, says := drift(apart); state {
	case OK:
		tell("clock", state, says, "")
	default:
		tell("clock", state, says, "have both follow the same time (NTP)")
	}
}

// drift judges how far two clocks are apart.
func drift(apart time.Duration) (state State, says string) {
	says = fmt.Sprintf("this machine and the database are %s apart", apart.Round(time.Millisecond))
	switch {
	case apart > clockFail:
		return Fail, says + ": retention, consent and sessions go by the clock"
	case apart > clockWarn:
		return Warn, says
	}
	return OK, says
}

// schema compares the databases with what the program is made for.
func (p *patient) schema(ctx context.Context, in []room, tell teller) {
	isNew, err := house.IsNew(ctx, in[0].Store)
	if err != nil {
		troubled(tell, "schema", err)
		return
	}
	pending, err := house.PendingIn(ctx, in[0].Store, in[1].Store, in[2].Store)
	losses := 0
	for _, m := range pending {
		losses += len(m.Losses)
	}
	switch says := fmt.Sprintf("%d migrations are to come", len(pending)); {
	case errors.Is(err, store.ErrNewer):
		tell("schema", Fail, err.Error(), "")
	case err != nil:
		troubled(tell, "schema", err)
	case len(pending) == 0:
		tell("schema", OK, "it is the program's version", "")
	case p.house.Check:
		tell("schema", Fail, says+", and with migrate=check a server does not start before", "cloakroom migrate")
	case losses > 0:
		tell("schema", Fail, fmt.Sprintf("%s, and they would lose data in %d places", says, losses), "`cloakroom migrate --plan` says what; `cloakroom migrate --lose` says that it is meant")
	case isNew:
		tell("schema", OK, "the database is new: it is set up at the start", "")
	default:
		tell("schema", OK, says+": they are carried out at the start", "")
	}
}

// documents compares the mode of trusted documents with how many there are.
func (p *patient) documents(ctx context.Context, r room, tell teller) {
	n, err := shared.CountDocuments(ctx, r.Store)
	mode := p.Config.DocumentMode()
	switch says := fmt.Sprintf("documents=%s, and %d are registered", mode, n); {
	case err != nil:
		troubled(tell, "documents", err)
	case mode == "enforce" && n == 0:
		tell("documents", Warn, says+": nothing is answered", "register those of your clients: cloakroom documents add MANIFEST")
	case mode == "open" && p.Config.Identity != "dev":
		tell("documents", Warn, says+": whoever takes over a session may ask anything", "documents=log, until all are registered, then documents=enforce")
	default:
		tell("documents", OK, says, "")
	}
}

func (p *patient) gatewayKey(ctx context.Context, r room, tell teller) {
	isNew, err := house.IsNew(ctx, r.Store)
	if err == nil {
		_, err = graph.FindKeys(p.Config.Data, isNew)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		tell("gateway key", OK, "there is none yet: it is made at the start", "")
	case err != nil:
		troubled(tell, "gateway key", err)
	default:
		tell("gateway key", OK, "it is there, and nobody else can read it", "")
	}
}

// rootKey sees whether the root key is the one that the keys were wrapped with.
func (p *patient) rootKey(ctx context.Context, data, keys room, tell teller) {
	uri := p.house.RootKey()
	path, inFile := strings.CutPrefix(uri, "file:")
	schema, err := house.Schema()
	if err != nil {
		troubled(tell, "root key", err)
		return
	}
	tried, err := keyring.Try(ctx, keyring.Config{Schema: schema, Data: data.Store, Keys: keys.Store, Root: rootkey.Later(uri)})
	switch {
	case err != nil:
		troubled(tell, "root key", err)
	case len(tried) == 0 && inFile:
		if _, err := rootkey.Open(uri); errors.Is(err, rootkey.ErrMissing) {
			tell("root key", OK, "there is none yet: it is made with the first keys", "back up "+path+" then, apart from the databases")
			return
		} else if err != nil {
			troubled(tell, "root key", err)
			return
		}
		tell("root key", OK, "it is there, and nothing is wrapped with it yet", "")
	case len(tried) == 0:
		tell("root key", Skip, "nothing is wrapped with it yet: it is first asked when the first keys are made", "")
	case tried[0].Err != nil:
		tell("root key", Fail, tried[0].Err.Error(), rootRemedy(tried[0].Err))
	default:
		for _, t := range tried[1:] {
			if t.Err != nil {
				tell("root key", Warn, fmt.Sprintf("version %d of the key-encryption key does not open, and so what it wraps: %v", t.Version, t.Err), "cloakroom keys status")
			}
		}
		tell("root key", OK, "it opens the keys", "")
	}
}

func rootRemedy(err error) string {
	switch {
	case errors.Is(err, rootkey.ErrWrongKey):
		return "name the root key of this keys database with --keys.root, or the keys database of this root key with --keys.dsn"
	case errors.Is(err, rootkey.ErrUnreachable):
		return "see that the key service is there, and lets us in; until then sealed fields are withheld"
	}
	return "" // it came with the error
}

// ledger sees whether erasures are remembered.
func (p *patient) ledger(ctx context.Context, data, r room, tell teller) {
	made, err := r.HasTable(ctx, "keyring_erasures")
	if err != nil {
		troubled(tell, "erasure ledger", err)
		return
	}
	if !made {
		if data.err == nil {
			if isNew, err := house.IsNew(ctx, data.Store); err == nil && !isNew {
				tell("erasure ledger", Warn, "there is none, and the database is in use: what a restored backup brings back is then known from the keys alone", "restore it from its backup, or name it with --keys.ledger")
				return
			}
		}
		tell("erasure ledger", OK, "there is none yet: it is made at the start", "")
		return
	}
	var n int
	if err := r.DB.QueryRowContext(ctx, `SELECT count(*) FROM keyring_erasures`).Scan(&n); err != nil {
		troubled(tell, "erasure ledger", err)
		return
	}
	tell("erasure ledger", OK, fmt.Sprintf("it can be read, and has %d erasures", n), "")
}
