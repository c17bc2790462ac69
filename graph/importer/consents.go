package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// Consents says how rows of a file become lines of the consent ledger: what people decided before, elsewhere.
type Consents struct {
	Schema *ir.Schema
	// By is the field by which people are found; nil: the column person has the API's id of a record of theirs.
	By *ir.Field
	// Named are the file's names of columns that it calls otherwise, and Given values for all rows of columns it does not have.
	Named, Given map[string]string
	Now          time.Time // nothing was decided later
}

// ConsentStore is where past decisions go.
type ConsentStore interface {
	// People returns who has a value in a field; without a field, whose record has that id of the API.
	People(ctx context.Context, by *ir.Field, value string) ([]policy.SubjectID, error)
	// Append records decisions in one transaction, in the order given, and says of each what came of it. An error means that none was
	// recorded, or that it is not sure. A dry run undoes everything again.
	Append(ctx context.Context, all []consent.Entry, dry bool) ([]Fate, error)
}

// Fate is what came of a decision.
type Fate struct {
	Known   bool   // it was recorded before
	Refused string // why it was not; names no value
}

// Columns of a file of consents.
const (
	colPerson   = "person"
	colPurpose  = "purpose"
	colDecision = "decision"
	colAt       = "at"
	colMethod   = "method"
	colEvidence = "evidence"
	colNotice   = "notice"
	colText     = "text"
	colLanguage = "language"
	colExpires  = "expires"
)

// ConsentColumns are all there may be, those a file must have first.
var ConsentColumns = []string{colPerson, colPurpose, colDecision, colAt, colMethod, colEvidence, colNotice, colText, colLanguage, colExpires}

const neededColumns = 4

// Bounds of what cannot be taken away again, in bytes.
const (
	maxEvidence   = 500
	maxNoticeText = 64 << 10
)

// decisions that are imported, and methods that the people they are imported from may have used.
var (
	pastDecisions = []consent.Decision{consent.Give, consent.Withdraw, consent.Object, consent.WithdrawObjection}
	pastMethods   = append(consent.OnBehalf(), consent.Portal, consent.DoubleOptIn, consent.GPC, consent.Unsubscribe)
)

// pastLines names lines that were imported: the same row makes the same line, so a file that is imported twice adds nothing.
var pastLines = uuid.MustParse("0190b1c2-6f4e-7d3a-9a55-3c1f0e8d7b61")

// RunConsents imports a file of consents. Of the options Store is not used. The report is never nil.
func RunConsents(ctx context.Context, c Consents, store ConsentStore, src io.ReadSeeker, opt Options) (*Report, error) {
	began := time.Now()
	if opt.Batch <= 0 {
		opt.Batch = 500
	}
	rep := &Report{Entity: "ConsentEntry", DryRun: opt.DryRun, Rejects: []RejectCount{}, Emptied: []RejectCount{}, Unused: []string{}, Notes: []string{},
		Records: []RecordCount{{Entity: "ConsentEntry"}}}
	i := &consentRun{run: run{opt: opt, report: rep}, Consents: c, store: store}
	return i.end(ctx, began, i.all(ctx, src))
}

// consentRun is one import under way. It remembers nothing of the rows that are written.
type consentRun struct {
	run
	Consents
	store ConsentStore
}

// past is a row on its way.
type past struct {
	policy.Withheld

	draft  draft
	person string
	entry  consent.Entry
}

func (r *consentRun) all(ctx context.Context, src io.ReadSeeker) error {
	if err := r.check(); err != nil {
		return err
	}
	r.plan = &Plan{m: &Map{Name: "a file of consents"}}
	for i, name := range ConsentColumns {
		if _, given := r.Given[name]; !given {
			r.plan.needed = append(r.plan.needed, column{r.named(name), i >= neededColumns && r.Named[name] == ""})
		}
	}
	records, total, err := r.open(src)
	if err != nil {
		return err
	}
	progress := r.progress(records, total)
	defer progress()
	var batch []*past
	for {
		rec, err := records.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read after line %d: %w", records.line, err)
		}
		if err == nil {
			p, reject := r.read(rec)
			if reject != nil {
				return reject
			}
			if p != nil {
				batch = append(batch, p)
			} else if r.report.Rejected%r.opt.Batch == 0 {
				progress()
			}
		}
		if len(batch) >= r.opt.Batch || err != nil {
			if err := r.write(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
			progress()
		}
		if err != nil {
			return nil
		}
	}
}

// check refuses what is said of no column.
func (r *consentRun) check() error {
	for _, said := range []map[string]string{r.Named, r.Given} {
		for name := range said {
			if !slices.Contains(ConsentColumns, name) {
				return fmt.Errorf("there is no column %q: a file of consents has %s", name, strings.Join(ConsentColumns, ", "))
			}
			if r.Named[name] != "" && r.Given[name] != "" {
				return fmt.Errorf("%s: it is read from a column or is the same for all rows, not both", name)
			}
		}
	}
	return nil
}

// named is what the file calls a column.
func (r *consentRun) named(column string) string {
	switch name := r.Named[column]; {
	case name != "":
		return name
	case column == colPerson && r.By != nil:
		return r.By.Name
	}
	return column
}

// read turns a record into a row, or rejects it and returns nil.
func (r *consentRun) read(rec record) (*past, error) {
	r.report.Rows++
	p := &past{draft: draft{line: rec.line, raw: slices.Clone(rec.raw)}}
	if bad := r.malformed(rec); bad != nil {
		return nil, r.reject(&p.draft, rec.fault != nil, *bad)
	}
	row := row{cells: rec.cells, header: r.header}
	text := func(column string) string {
		if v, given := r.Given[column]; given {
			return strings.TrimSpace(v)
		}
		return strings.TrimSpace(row.text(r.named(column)))
	}
	if column, reason := p.fill(r.Consents, text); reason != "" {
		return nil, r.refuse(p, column, reason)
	}
	return p, nil
}

func (r *consentRun) refuse(p *past, column, reason string) error {
	return r.reject(&p.draft, false, problem{column: r.header.name(r.named(column)), field: "ConsentEntry." + column, reason: reason})
}

// fill reads a row's cells. A reason names no value.
func (p *past) fill(c Consents, text func(column string) string) (column, reason string) {
	e := &p.entry
	if p.person = text(colPerson); p.person == "" {
		return colPerson, "has no value, so nobody knows whose decision this is"
	}
	if e.Purpose = c.Schema.Purpose(strings.ToUpper(text(colPurpose))); e.Purpose == nil {
		return colPurpose, "not a purpose of the schema"
	}
	if e.Decision = consent.Decision(strings.ToUpper(text(colDecision))); !slices.Contains(pastDecisions, e.Decision) {
		return colDecision, "not one of GIVE, WITHDRAW, OBJECT, WITHDRAW_OBJECTION"
	}
	at, err := moment(text(colAt))
	switch {
	case err != nil:
		return colAt, err.Error()
	case at.IsZero():
		return colAt, "has no value, so nobody knows whether it still holds"
	case at.After(c.Now):
		return colAt, "is in the future"
	}
	if e.ExpiresAt, err = moment(text(colExpires)); err != nil {
		return colExpires, err.Error()
	}
	e.At, e.Method, e.Actor, e.Evidence = at, consent.Import, consent.BySystem, text(colEvidence)
	if (e.Decision == consent.Give || e.Decision == consent.WithdrawObjection) && e.Evidence == "" {
		return colEvidence, "has no value, and what nobody can prove is not consent (GDPR Art. 7(1))"
	}
	if m := strings.ToUpper(text(colMethod)); m != "" && consent.Method(m) != consent.Import {
		if !slices.Contains(pastMethods, consent.Method(m)) {
			return colMethod, "not one of the methods, such as FORM, TELEPHONE or DOUBLE_OPT_IN"
		}
		e.Evidence = strings.TrimSuffix(m+": "+e.Evidence, ": ")
	}
	if len(e.Evidence) > maxEvidence {
		return colEvidence, fmt.Sprintf("is longer than %d bytes: it is a reference, not the thing itself", maxEvidence)
	}
	if lang := text(colLanguage); lang != "" {
		v, err := format.Parse(&ir.Field{Scalar: ir.String, Format: "LANGUAGE"}, lang)
		if err != nil {
			return colLanguage, err.Error()
		}
		e.Language, _ = v.(string)
	}
	if column, reason := p.shown(text); reason != "" {
		return column, reason
	}
	return "", ""
}

// shown reads what the person was shown: by its hash, or the text itself.
func (p *past) shown(text func(string) string) (column, reason string) {
	e := &p.entry
	e.Notice = strings.ToLower(text(colNotice))
	if raw, err := hex.DecodeString(e.Notice); e.Notice != "" && (err != nil || len(raw) != sha256.Size) {
		return colNotice, "not a SHA-256 in hex"
	}
	body := text(colText)
	switch {
	case body == "":
		return "", ""
	case len(body) > maxNoticeText:
		return colText, fmt.Sprintf("is longer than %d bytes", maxNoticeText)
	}
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if e.Notice != "" && e.Notice != hash {
		return colNotice, "is the hash of another text"
	}
	e.Notice = hash
	e.Shown = &consent.Text{Purpose: e.Purpose.Name, Language: e.Language, Version: hash[:12], Hash: hash, Body: body}
	if e.Shown.Language == "" {
		e.Shown.Language = "und" // BCP 47: undetermined
	}
	return "", ""
}

// moment reads a time; none is zero.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	v, err := format.Parser{Loose: true}.Parse(&ir.Field{Scalar: ir.DateTime}, text)
	if err != nil {
		return time.Time{}, err
	}
	t, _ := v.(time.Time)
	return t.UTC().Truncate(time.Microsecond), nil
}

// write brings a batch in, oldest first.
func (r *consentRun) write(ctx context.Context, batch []*past) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var ready []*past
	for _, p := range batch {
		ok, err := r.find(ctx, p)
		if err != nil {
			return err
		}
		if ok {
			ready = append(ready, p)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	slices.SortStableFunc(ready, func(a, b *past) int { return a.entry.At.Compare(b.entry.At) })
	all := make([]consent.Entry, len(ready))
	for i, p := range ready {
		all[i] = p.entry
	}
	fates, err := r.store.Append(ctx, all, r.opt.DryRun)
	if err != nil {
		return fmt.Errorf("record what stands in lines %d to %d (the rows before are in; run the import again to go on): %w",
			batch[0].draft.line, batch[len(batch)-1].draft.line, err)
	}
	for i, fate := range fates {
		switch count := &r.report.Records[0]; {
		case fate.Refused != "":
			if err := r.refuse(ready[i], colDecision, fate.Refused); err != nil {
				return err
			}
			continue
		case fate.Known:
			count.Unchanged++
		default:
			count.Created++
		}
		r.report.Accepted++
	}
	return nil
}

// find settles whose decision a row is, and what its line is called.
func (r *consentRun) find(ctx context.Context, p *past) (bool, error) {
	people, err := r.store.People(ctx, r.By, p.person)
	switch {
	case err != nil:
		return false, err
	case len(people) == 0:
		return false, r.refuse(p, colPerson, "no record of this person: import people first")
	case len(people) > 1:
		return false, r.refuse(p, colPerson, "several people have this value, and which of them it was is not said")
	}
	e := &p.entry
	e.Subject = people[0]
	e.ID = uuid.NewSHA1(pastLines, fmt.Appendf(nil, "%s\n%d\n%s\n%d\n%d\n%s\n%s\n%s", e.Subject, e.Purpose.Bit, e.Decision, e.At.UnixMicro(),
		e.ExpiresAt.UnixMicro(), e.Notice, e.Language, e.Evidence))
	return true, nil
}
