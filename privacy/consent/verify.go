package consent

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
)

// Difference is a fault that Verify found. It names records by their ids and tells no value of them.
type Difference struct {
	Subject policy.SubjectID `json:"subject"`
	Type    string           `json:"type,omitempty"` // of the row; empty where the ledger itself is at fault
	Row     *uuid.UUID       `json:"row,omitempty"`
	What    string           `json:"what"`
}

// Checked is what Verify looked at.
type Checked struct {
	Rows        int64 `json:"rows"`
	Lines       int64 `json:"lines"`
	Differences int64 `json:"differences"`
	Total       int64 `json:"-"` // rows and lines that there are
}

// page is how many rows or lines are read at once.
const page = 2000

// Verify recomputes the privacy state of every row from the ledger, and reports where they differ: at the moment now, and by when
// each consent runs out. It also reads the ledger itself: a line that is missing, a number that stands twice, a text that is not
// what its hash says. It sees one state of the database, db, and changes nothing. Done says how much was looked at so far.
func (l *Ledger) Verify(ctx context.Context, db *sql.DB, now time.Time, report func(Difference), done func(Checked)) (c Checked, err error) {
	tx, err := db.BeginTx(ctx, l.snapshot())
	if err != nil {
		return c, fmt.Errorf("verify consents: %w", err)
	}
	defer func() {
		if end := tx.Rollback(); !errors.Is(end, sql.ErrTxDone) {
			err = errors.Join(err, end)
		}
	}()
	v := &verifier{Ledger: l, tx: tx, now: now, checked: &c, done: done, texts: map[string]error{}, report: func(d Difference) {
		c.Differences++
		report(d)
	}}
	if c.Total, err = v.total(ctx); err != nil {
		return c, fmt.Errorf("verify consents: %w", err)
	}
	for _, t := range l.subjects() {
		if err := v.rows(ctx, t); err != nil {
			return c, fmt.Errorf("verify %s: %w", t.Name, err)
		}
	}
	if err := v.ledger(ctx); err != nil {
		return c, fmt.Errorf("verify the consent ledger: %w", err)
	}
	return c, nil
}

// snapshot makes all reads of a transaction see one state. SQLite's do by themselves.
func (l *Ledger) snapshot() *sql.TxOptions {
	o := &sql.TxOptions{ReadOnly: true}
	if l.dialect == dialect.Postgres {
		o.Isolation = sql.LevelRepeatableRead
	}
	return o
}

type verifier struct {
	*Ledger
	tx      *sql.Tx
	now     time.Time
	checked *Checked
	report  func(Difference)
	done    func(Checked)
	texts   map[string]error // by hash: what is wrong with it
}

// total is how many rows and lines there are.
func (v *verifier) total(ctx context.Context) (n int64, err error) {
	tables := []string{consententry.Table}
	for _, t := range v.subjects() {
		tables = append(tables, t.Table)
	}
	for _, table := range tables {
		query, args := entsql.Dialect(v.dialect).Select(entsql.Count("*")).From(entsql.Table(table)).Query()
		err := each(ctx, v.tx, query, args, func(scan func(...any) error) error {
			var rows int64
			err := scan(&rows)
			n += rows
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// row is what a row of a person says.
type row struct {
	id, subject uuid.UUID
	state       policy.State
	until       int64
	ends        policy.Ends
	fault       error // of how they are written
}

// proven is what the ledger says of a person.
type proven struct {
	state policy.State
	ends  policy.Ends
}

// rows compares every row of a type with the ledger.
func (v *verifier) rows(ctx context.Context, t *ir.Type) error {
	var after uuid.UUID
	for {
		rows, err := v.rowsAfter(ctx, t, after)
		if err != nil || len(rows) == 0 {
			return err
		}
		var people []any
		for _, r := range rows {
			people = append(people, r.subject.String())
		}
		said, err := v.said(ctx, people)
		if err != nil {
			return err
		}
		for _, r := range rows {
			for _, what := range v.compare(r, said[r.subject]) {
				v.report(Difference{Subject: r.subject, Type: t.Name, Row: &r.id, What: what})
			}
		}
		after = rows[len(rows)-1].id
		v.checked.Rows += int64(len(rows))
		v.done(*v.checked)
	}
}

// rowsAfter reads a page of a type's rows, by their ids.
func (v *verifier) rowsAfter(ctx context.Context, t *ir.Type, after uuid.UUID) (out []row, err error) {
	query, args := entsql.Dialect(v.dialect).Select("id", "subject_id", "privacy_state", "consent_until", "consent_ends").From(entsql.Table(t.Table)).
		Where(entsql.GT("id", after.String())).OrderBy("id").Limit(page).Query()
	err = each(ctx, v.tx, query, args, func(scan func(...any) error) error {
		var (
			r    row
			ends sql.NullString
		)
		if err := scan(&r.id, &r.subject, (*int64)(&r.state), &r.until, &ends); err != nil {
			return err
		}
		if r.ends, err = policy.ParseEnds(ends.String); err != nil {
			r.ends, r.fault = v.allOver(), err
		}
		out = append(out, r)
		return nil
	})
	return out, err
}

// said is what the ledger says of people.
func (v *verifier) said(ctx context.Context, people []any) (map[uuid.UUID]proven, error) {
	query, args := entsql.Dialect(v.dialect).Select(consententry.FieldSubjectID, consententry.FieldDecision, consententry.FieldBit, consententry.FieldExpiresAt).
		From(entsql.Table(consententry.Table)).Where(entsql.In(consententry.FieldSubjectID, people...)).
		OrderBy(consententry.FieldSubjectID, consententry.FieldSeq).Query()
	out := map[uuid.UUID]proven{}
	err := each(ctx, v.tx, query, args, func(scan func(...any) error) error {
		var (
			subject  uuid.UUID
			decision Decision
			bit      int
			expires  *time.Time
		)
		if err := scan(&subject, &decision, &bit, &expires); err != nil {
			return err
		}
		s, known := out[subject]
		if !known {
			s.ends = policy.Ends{}
		}
		s.say(decision, bit, expires)
		out[subject] = s
		return nil
	})
	return out, err
}

// say carries out a decision.
func (s *proven) say(d Decision, bit int, expires *time.Time) {
	var mask policy.State
	if bit >= 0 {
		mask = 1 << bit
	}
	set, clear := effect(d, mask)
	s.state = (s.state | set) &^ clear
	delete(s.ends, mask)
	if d == Give && expires != nil {
		s.ends[mask] = expires.UnixMicro()
	}
}

// decided are the bits of a state that come from the ledger.
const decided = policy.Restricted | policy.Purposes

// compare lists what a row has that the ledger does not prove, and lacks that it does.
func (v *verifier) compare(r row, said proven) (found []string) {
	now := v.now.UnixMicro()
	is, ought := r.state&decided&^r.ends.Over(now), said.state&^said.ends.Over(now)
	for bit := policy.State(1); bit != 0 && bit <= policy.Restricted; bit <<= 1 {
		switch {
		case is&bit != 0 && ought&bit == 0:
			found = append(found, v.name(bit)+" is set in the row, and the ledger does not prove it")
		case is&bit == 0 && ought&bit != 0:
			found = append(found, v.name(bit)+" is not set in the row, and the ledger says that it is")
		}
	}
	for bit, until := range said.ends {
		if has, ok := r.ends[bit]; until > now && r.state&said.state&bit != 0 && (!ok || has != until) {
			found = append(found, v.name(bit)+" runs out at another moment than the ledger says")
		}
	}
	if r.fault != nil {
		found = append(found, r.fault.Error())
	}
	if r.until > first(r.ends) {
		found = append(found, "the row would not notice that a consent runs out")
	}
	slices.Sort(found)
	return found
}

// Restore makes the privacy state of a person's rows what the ledger says, and nothing else: for rows that Verify found at fault.
func (l *Ledger) Restore(ctx context.Context, tx *sql.Tx, subject policy.SubjectID, now time.Time) error {
	if _, err := l.update(ctx, tx, subject, 0, 0, nil); err != nil { // locks them
		return err
	}
	v := &verifier{Ledger: l, tx: tx, now: now}
	all, err := v.said(ctx, []any{subject.String()})
	if err != nil {
		return fmt.Errorf("read the consent ledger: %w", err)
	}
	said, known := all[subject]
	if !known {
		said.ends = policy.Ends{}
	}
	said.state &^= runOut(said.ends, now.UnixMicro())
	_, err = l.update(ctx, tx, subject, said.state, decided&^said.state, said.ends)
	return err
}

// name is how people know a bit.
func (v *verifier) name(bit policy.State) string {
	if bit == policy.Restricted {
		return "the restriction"
	}
	for _, p := range v.schema.Purposes {
		if p.Stated() && policy.PurposeBit(p) == bit {
			return map[bool]string{true: "consent to ", false: "the objection to "}[p.ByConsent()] + p.Name
		}
	}
	return fmt.Sprintf("bit %x, which no purpose has,", int64(bit))
}

// ledger reads every line.
func (v *verifier) ledger(ctx context.Context) error {
	var (
		subject uuid.UUID
		seq     int64
	)
	for {
		query, args := entsql.Dialect(v.dialect).Select(consententry.FieldSubjectID, consententry.FieldSeq, consententry.FieldNoticeHash).
			From(entsql.Table(consententry.Table)).
			Where(entsql.CompositeGT([]string{consententry.FieldSubjectID, consententry.FieldSeq}, subject.String(), seq)).
			OrderBy(consententry.FieldSubjectID, consententry.FieldSeq).Limit(page).Query()
		n := int64(0)
		var hashes []string
		err := each(ctx, v.tx, query, args, func(scan func(...any) error) error {
			var (
				who  uuid.UUID
				at   int64
				hash string
			)
			if err := scan(&who, &at, &hash); err != nil {
				return err
			}
			if want := map[bool]int64{true: seq + 1, false: 1}[who == subject]; at != want {
				v.report(Difference{Subject: who, What: fmt.Sprintf("after line %d of the ledger comes line %d", want-1, at)})
			}
			subject, seq, n = who, at, n+1
			hashes = append(hashes, hash)
			return nil
		})
		if err != nil || n == 0 {
			return err
		}
		if err := v.shownTexts(ctx, hashes); err != nil {
			return err
		}
		v.checked.Lines += n
		v.done(*v.checked)
	}
}

// shownTexts reports texts that are not there, or are not what was shown, once each.
func (v *verifier) shownTexts(ctx context.Context, hashes []string) error {
	slices.Sort(hashes)
	for _, hash := range slices.Compact(hashes) {
		if _, known := v.texts[hash]; known || hash == "" {
			continue
		}
		t, err := v.notices.ByHash(ctx, hash)
		sum := sha256.Sum256([]byte(t.Body))
		if err == nil && hex.EncodeToString(sum[:]) != hash {
			err = errChanged
		}
		v.texts[hash] = err
		switch {
		case err == nil:
		case errors.Is(err, ErrUnknownNotice), errors.Is(err, errChanged):
			v.report(Difference{What: "notice " + hash[:min(len(hash), 12)] + ", which people were shown: " + err.Error()})
		default:
			return err
		}
	}
	return nil
}

var errChanged = errors.New("the text is not the one with this hash")
