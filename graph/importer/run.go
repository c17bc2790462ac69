package importer

import (
	"context"
	"errors"
	"fmt"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Options of Run.
type Options struct {
	Store Store
	// Rejects takes rejected rows; nil: they are only counted. Run closes it.
	Rejects   Rejects
	DryRun    bool                    // nothing is written; the store is only asked what is there
	Encoding  string                  // Auto (also when empty), UTF8 or Latin1
	Delimiter string                  // one character, "tab", or "auto" (also when empty)
	Progress  func(done, total int64) // bytes of the file; may be nil
	Batch     int                     // rows in a transaction; 0: 500
}

// ErrStopped says that the context ended before the file did.
var ErrStopped = errors.New("interrupted before the end of the file: run the import again to go on")

// Run imports a file. The report is never nil and says how far the import came: the batches before an error are in, and
// running it again goes on where it stopped.
func Run(ctx context.Context, p *Plan, src io.ReadSeeker, opt Options) (*Report, error) {
	began := time.Now()
	if opt.Batch <= 0 {
		opt.Batch = 500
	}
	r := &run{plan: p, opt: opt, report: newReport(p, opt), ids: map[*ir.Field]map[any]*known{}, lines: map[any]int{}}
	return r.end(ctx, began, r.all(ctx, src))
}

// end closes an import that ended with err.
func (r *run) end(ctx context.Context, began time.Time, err error) (*Report, error) {
	r.report.Stopped = err != nil
	if err != nil && ctx.Err() != nil {
		err = ErrStopped // whatever else was said only repeats it
	}
	if r.opt.Rejects != nil {
		err = errors.Join(err, r.opt.Rejects.Close())
	}
	r.report.Took = time.Since(began)
	return r.report, err
}

func newReport(p *Plan, opt Options) *Report {
	rep := &Report{Entity: p.Type().Name, DryRun: opt.DryRun, Rejects: []RejectCount{}, Emptied: []RejectCount{}, Unused: []string{}, Notes: []string{}}
	for _, t := range p.types {
		rep.Records = append(rep.Records, RecordCount{Entity: t.typ.Name, Name: t.name})
	}
	return rep
}

// run is one import under way.
type run struct {
	plan    *Plan
	opt     Options
	report  *Report
	header  *header
	rejects *rejectWriter
	// ids is what is known of records by key field and key: what the store has, and what this import made.
	ids     map[*ir.Field]map[any]*known
	lines   map[any]int // line of the row by its own record's key
	waiting []*draft    // rows that refer to rows that were not seen yet
}

// progress returns what tells how much of a file was read.
func (r *run) progress(of *recordReader, total int64) func() {
	return func() {
		if r.opt.Progress != nil {
			r.opt.Progress(min(of.consumed, total), total)
		}
	}
}

// known is a record that exists, or will once its batch is written.
type known struct {
	id     uuid.UUID
	create bool     // this import makes it
	done   bool     // written, or to be left alone: rows that name it again do not write it again
	failed *problem // the store refused it
}

// draft is a row on its way.
type draft struct {
	policy.Withheld

	line  int
	raw   []byte
	parts []part // by Plan.types
	gone  bool   // rejected
}

// part is what a row says about one record.
type part struct {
	policy.Withheld

	key    any // nil: the record is left out
	values map[string]any
	finds  []any // by recordPlan.edges
	id     uuid.UUID
}

func (r *run) all(ctx context.Context, src io.ReadSeeker) error {
	records, total, err := r.open(src)
	if err != nil {
		return err
	}
	sample, end, err := r.sample(records)
	if err != nil {
		return err
	}
	progress := r.progress(records, total)
	defer progress()
	var batch []*draft
	flush := func() error {
		err := r.write(ctx, batch)
		batch = batch[:0]
		progress()
		return err
	}
	for i := 0; ; i++ {
		var rec record
		switch {
		case i < len(sample):
			rec = sample[i]
		case end:
			err = io.EOF
		default:
			rec, err = records.next()
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read after line %d: %w", records.line, err)
		}
		d, err := r.draft(rec)
		if err != nil {
			return err
		}
		if d == nil {
			if r.report.Rejected%r.opt.Batch == 0 { // a long stretch of bad rows fills no batch
				progress()
			}
			continue
		}
		if batch = append(batch, d); len(batch) >= r.opt.Batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return r.settleWaiting(ctx)
}

// open looks at the file's bytes and its header.
func (r *run) open(src io.ReadSeeker) (*recordReader, int64, error) {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, 0, fmt.Errorf("read the file: %w", err)
	}
	s, err := look(src)
	if err != nil {
		return nil, 0, err
	}
	if err := s.refuse(); err != nil {
		return nil, 0, err
	}
	encoding, note, err := s.encoding(r.opt.Encoding)
	if err != nil {
		return nil, 0, err
	}
	if note != "" {
		r.report.Notes = append(r.report.Notes, note)
	}
	comma, err := delimiterOf(r.opt.Delimiter)
	if err != nil {
		return nil, 0, err
	}
	h, records, err := r.plan.readHeader(src, int64(s.bom), encoding, comma)
	if err != nil {
		return nil, 0, err
	}
	r.header, r.rejects = h, &rejectWriter{out: r.opt.Rejects, header: h}
	r.report.Encoding, r.report.Delimiter = encoding, string(h.comma)
	r.report.Unused = append(r.report.Unused, h.unused...)
	records.consumed += int64(s.bom)
	return records, s.size, nil
}

// sample reads the first rows and checks them against the headers, before anything is written.
func (r *run) sample(records *recordReader) (sample []record, end bool, err error) {
	var rows []row
	for len(sample) < sampleRows {
		rec, err := records.next()
		if errors.Is(err, io.EOF) {
			end = true
			break
		}
		if err != nil {
			return nil, false, fmt.Errorf("read after line %d: %w", records.line, err)
		}
		sample = append(sample, rec)
		if rec.fault == nil && len(rec.cells) == len(r.header.names) {
			rows = append(rows, r.row(rec))
		}
	}
	if len(rows) > 0 {
		err = r.plan.checkShape(rows)
	}
	return sample, end, err
}

func (r *run) row(rec record) row {
	out := row{cells: rec.cells, header: r.header}
	if ph := r.plan.m.Phones; ph != nil {
		if out.region = ph.Country; ph.Column != "" {
			// A country that is none is a problem of its own column; here it only means that nothing can be assumed.
			out.region, _ = format.Country(out.text(ph.Column))
		}
	}
	return out
}

// draft turns a record into a draft, or rejects it and returns nil.
func (r *run) draft(rec record) (*draft, error) {
	r.report.Rows++
	d := &draft{line: rec.line, raw: rec.raw}
	if bad := r.malformed(rec); bad != nil {
		return nil, r.reject(d, rec.fault != nil, *bad)
	}
	row := r.row(rec)
	for i, rp := range r.plan.types {
		p, bad := r.part(rp, row, d.line)
		if bad == nil && p.key == nil && i == len(r.plan.types)-1 {
			bad = &problem{column: r.columnOf(rp, rp.key), field: rp.key.Coordinate(), reason: "has no value, and rows are recognised by it"}
		}
		if bad != nil {
			return nil, r.reject(d, false, *bad)
		}
		d.parts = append(d.parts, p)
	}
	own := d.parts[len(d.parts)-1]
	if first, twice := r.lines[own.key]; twice {
		return nil, r.reject(d, false, problem{r.columnOf(r.plan.own(), r.plan.own().key), r.plan.own().key.Coordinate(),
			"another row of the file has the same value", fmt.Sprintf(" (line %d)", first)})
	}
	r.lines[own.key] = d.line
	return d, nil
}

// malformed is what is wrong with the form of a row.
func (r *run) malformed(rec record) *problem {
	if rec.fault != nil {
		return &problem{column: fmt.Sprint(rec.fault.cell), reason: rec.fault.reason}
	}
	got, want := len(rec.cells), len(r.header.names)
	if got == want {
		return nil
	}
	reason := "the row has fewer fields than the header"
	if got > want {
		reason = "the row has more fields than the header (is a text with the delimiter in it not quoted?)"
	}
	return &problem{column: fmt.Sprint(min(got, want) + 1), reason: reason, detail: fmt.Sprintf(": %d instead of %d", got, want)}
}

// part reads what the row says about one record.
func (r *run) part(rp *recordPlan, row row, line int) (part, *problem) {
	p := part{values: map[string]any{}}
	for _, c := range rp.cells {
		v, bad := r.value(c.value, row, line)
		if bad != nil {
			return p, bad
		}
		if v != nil {
			p.values[c.field.Name] = v
		}
	}
	p.key = p.values[rp.key.Name]
	for _, e := range rp.edges {
		var v any
		if e.find != nil {
			var bad *problem
			if v, bad = r.value(e.value, row, line); bad != nil {
				bad.field = e.field.Coordinate()
				return p, bad
			}
		}
		p.finds = append(p.finds, v)
	}
	return p, nil
}

func (r *run) value(v valuePlan, row row, line int) (any, *problem) {
	out, err := v.of(row)
	if err == nil {
		return out, nil
	}
	bad := problem{column: r.columnsOf(v), field: v.field.Coordinate(), reason: err.Error()}
	if v.src.Invalid == "empty" {
		r.report.Emptied = tally(r.report.Emptied, line, bad)
		return nil, nil
	}
	return nil, &bad
}

func (r *run) columnsOf(v valuePlan) string {
	names := make([]string, len(v.columns))
	for i, c := range v.columns {
		names[i] = r.header.name(c)
	}
	return strings.Join(names, " + ")
}

// columnOf names the column a field is read from, if it is read from one.
func (r *run) columnOf(rp *recordPlan, f *ir.Field) string {
	for _, c := range rp.cells {
		if c.field == f {
			return r.columnsOf(c.value)
		}
	}
	for _, e := range rp.edges {
		if e.field == f && e.find != nil {
			return r.columnsOf(e.value)
		}
	}
	return ""
}

func (r *run) reject(d *draft, broken bool, p problem) error {
	d.gone = true
	r.report.Rejected++
	r.report.Rejects = tally(r.report.Rejects, d.line, p)
	return r.rejects.write(d.line, d.raw, broken, p)
}
