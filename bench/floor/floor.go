// Package floor answers the questions by hand: one handler each, pgx and JSON written piece by piece, neither GraphQL nor
// privacy. It is what a careful person would write who knew the five questions in advance.
package floor

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// New answers from the pool.
func New(pool *pgxpool.Pool) http.Handler {
	f := floor{pool}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /q1", answer(f.one))
	mux.HandleFunc("GET /q2", answer(f.page))
	mux.HandleFunc("GET /q3", answer(f.tree))
	mux.HandleFunc("GET /q4", answer(f.filtered))
	mux.HandleFunc("GET /q5", answer(f.counted))
	return mux
}

type floor struct{ pool *pgxpool.Pool }

func answer(write func(*http.Request, []byte) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := write(r, make([]byte, 0, 4096))
		if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}
}

func (f floor) one(r *http.Request, b []byte) ([]byte, error) {
	id, err := uuid.Parse(r.URL.Query().Get("id"))
	if err != nil {
		return nil, err
	}
	var key pgtype.UUID
	var first, last, email, phone, city, country, title, account, industry pgtype.Text
	var seen, created pgtype.Timestamptz
	err = f.pool.QueryRow(r.Context(), `SELECT c.id, c.first_name, c.last_name, c.email, c.phone, c.city, c.country, c.job_title, c.last_activity_at, c.created_at, a.name, a.industry
		FROM contacts c LEFT JOIN accounts a ON a.id = c.account_id WHERE c.id = $1`, id).
		Scan(&key, &first, &last, &email, &phone, &city, &country, &title, &seen, &created, &account, &industry)
	if err != nil {
		return nil, err
	}
	b = append(b, `{"contact":{"id":`...)
	b = appendID(b, key)
	b = appendText(b, `,"firstName":`, first)
	b = appendText(b, `,"lastName":`, last)
	b = appendText(b, `,"email":`, email)
	b = appendText(b, `,"phone":`, phone)
	b = appendText(b, `,"city":`, city)
	b = appendText(b, `,"country":`, country)
	b = appendText(b, `,"jobTitle":`, title)
	b = appendTime(b, `,"lastActivityAt":`, seen)
	b = appendTime(b, `,"createdAt":`, created)
	b = appendAccount(b, account, industry)
	return append(b, `}}`...), nil
}

func (f floor) page(r *http.Request, b []byte) ([]byte, error) {
	after := uuid.Nil
	if s := r.URL.Query().Get("after"); s != "" {
		var err error
		if after, err = uuid.Parse(s); err != nil {
			return nil, err
		}
	}
	rows, err := f.pool.Query(r.Context(), `SELECT c.id, c.first_name, c.last_name, c.birthday, c.email, c.phone, c.city, c.country, c.region, c.job_title,
		c.preferred_language, c.lifecycle_stage, c.subscribed_at, c.last_activity_at, c.created_at, a.name, a.industry
		FROM contacts c LEFT JOIN accounts a ON a.id = c.account_id WHERE c.id > $1 ORDER BY c.id LIMIT 100`, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var key pgtype.UUID
	var first, last, email, phone, city, country, region, title, language, stage, account, industry pgtype.Text
	var birthday, subscribed pgtype.Date
	var seen, created pgtype.Timestamptz
	b = append(b, `{"contacts":{"nodes":[`...)
	for n := 0; rows.Next(); n++ {
		if err := rows.Scan(&key, &first, &last, &birthday, &email, &phone, &city, &country, &region, &title, &language, &stage, &subscribed, &seen, &created, &account, &industry); err != nil {
			return nil, err
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":`...)
		b = appendID(b, key)
		b = appendText(b, `,"firstName":`, first)
		b = appendText(b, `,"lastName":`, last)
		b = appendDate(b, `,"birthday":`, birthday)
		b = appendText(b, `,"email":`, email)
		b = appendText(b, `,"phone":`, phone)
		b = appendText(b, `,"city":`, city)
		b = appendText(b, `,"country":`, country)
		b = appendText(b, `,"region":`, region)
		b = appendText(b, `,"jobTitle":`, title)
		b = appendText(b, `,"preferredLanguage":`, language)
		b = appendText(b, `,"lifecycleStage":`, stage)
		b = appendDate(b, `,"subscribedAt":`, subscribed)
		b = appendTime(b, `,"lastActivityAt":`, seen)
		b = appendTime(b, `,"createdAt":`, created)
		b = appendAccount(b, account, industry)
		b = append(b, '}')
	}
	return append(b, `]}}`...), rows.Err()
}

// person and act are rows of the tree that wait for what lies below them.
type person struct {
	id, account        pgtype.UUID
	first, last, email pgtype.Text
}

type act struct {
	id, contact pgtype.UUID
	kind, title pgtype.Text
	at          pgtype.Timestamptz
}

// tree takes three statements; LATERAL reads no more than the rows that are shown.
func (f floor) tree(r *http.Request, b []byte) ([]byte, error) {
	ctx := r.Context()
	type company struct {
		id             pgtype.UUID
		name, industry pgtype.Text
	}
	companies := make([]company, 0, 20)
	rows, err := f.pool.Query(ctx, `SELECT id, name, industry FROM accounts WHERE region = $1 ORDER BY id LIMIT 20`, "EMEA")
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var c company
		if err := rows.Scan(&c.id, &c.name, &c.industry); err != nil {
			return nil, err
		}
		companies = append(companies, c)
	}
	if rows.Close(); rows.Err() != nil {
		return nil, rows.Err()
	}
	ids := make([]pgtype.UUID, len(companies))
	for i, c := range companies {
		ids[i] = c.id
	}
	people := make([]person, 0, 200)
	rows, err = f.pool.Query(ctx, `SELECT c.id, p.id, c.first_name, c.last_name, c.email FROM unnest($1::uuid[]) WITH ORDINALITY AS p(id, n)
		CROSS JOIN LATERAL (SELECT id, first_name, last_name, email FROM contacts WHERE account_id = p.id ORDER BY id LIMIT 10) c ORDER BY p.n, c.id`, ids)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var p person
		if err := rows.Scan(&p.id, &p.account, &p.first, &p.last, &p.email); err != nil {
			return nil, err
		}
		people = append(people, p)
	}
	if rows.Close(); rows.Err() != nil {
		return nil, rows.Err()
	}
	ids = make([]pgtype.UUID, len(people))
	for i, p := range people {
		ids[i] = p.id
	}
	acts := make([]act, 0, 600)
	rows, err = f.pool.Query(ctx, `SELECT a.id, p.id, a.type, a.occurred_at, a.title FROM unnest($1::uuid[]) WITH ORDINALITY AS p(id, n)
		CROSS JOIN LATERAL (SELECT id, type, occurred_at, title FROM activities WHERE contact_id = p.id ORDER BY id LIMIT 3) a ORDER BY p.n, a.id`, ids)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var a act
		if err := rows.Scan(&a.id, &a.contact, &a.kind, &a.at, &a.title); err != nil {
			return nil, err
		}
		acts = append(acts, a)
	}
	if rows.Close(); rows.Err() != nil {
		return nil, rows.Err()
	}
	b = append(b, `{"accounts":{"nodes":[`...)
	for i, c := range companies {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":`...)
		b = appendID(b, c.id)
		b = appendText(b, `,"name":`, c.name)
		b = appendText(b, `,"industry":`, c.industry)
		b = append(b, `,"contacts":{"nodes":[`...)
		for n := 0; len(people) > 0 && people[0].account == c.id; n++ {
			if n > 0 {
				b = append(b, ',')
			}
			b, acts = appendPerson(b, people[0], acts)
			people = people[1:]
		}
		b = append(b, `]}}`...)
	}
	return append(b, `]}}`...), nil
}

func appendPerson(b []byte, p person, acts []act) ([]byte, []act) {
	b = append(b, `{"id":`...)
	b = appendID(b, p.id)
	b = appendText(b, `,"firstName":`, p.first)
	b = appendText(b, `,"lastName":`, p.last)
	b = appendText(b, `,"email":`, p.email)
	b = append(b, `,"activities":{"nodes":[`...)
	for n := 0; len(acts) > 0 && acts[0].contact == p.id; n++ {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":`...)
		b = appendID(b, acts[0].id)
		b = appendText(b, `,"type":`, acts[0].kind)
		b = appendTime(b, `,"occurredAt":`, acts[0].at)
		b = appendText(b, `,"title":`, acts[0].title)
		b = append(b, '}')
		acts = acts[1:]
	}
	return append(b, `]}}`...), acts
}

func (f floor) filtered(r *http.Request, b []byte) ([]byte, error) {
	ctx := r.Context()
	var total int64
	if err := f.pool.QueryRow(ctx, `SELECT count(*) FROM contacts WHERE country = $1 AND region = $2`, "DE", "EMEA").Scan(&total); err != nil {
		return nil, err
	}
	rows, err := f.pool.Query(ctx, `SELECT c.id, c.first_name, c.last_name, c.email, c.phone, c.city, c.job_title, c.lifecycle_stage, c.last_activity_at, a.name, a.industry
		FROM contacts c LEFT JOIN accounts a ON a.id = c.account_id WHERE c.country = $1 AND c.region = $2 ORDER BY c.id LIMIT 50`, "DE", "EMEA")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var key pgtype.UUID
	var first, last, email, phone, city, title, stage, account, industry pgtype.Text
	var seen pgtype.Timestamptz
	b = append(b, `{"contacts":{"totalCount":`...)
	b = strconv.AppendInt(b, total, 10)
	b = append(b, `,"nodes":[`...)
	for n := 0; rows.Next(); n++ {
		if err := rows.Scan(&key, &first, &last, &email, &phone, &city, &title, &stage, &seen, &account, &industry); err != nil {
			return nil, err
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":`...)
		b = appendID(b, key)
		b = appendText(b, `,"firstName":`, first)
		b = appendText(b, `,"lastName":`, last)
		b = appendText(b, `,"email":`, email)
		b = appendText(b, `,"phone":`, phone)
		b = appendText(b, `,"city":`, city)
		b = appendText(b, `,"jobTitle":`, title)
		b = appendText(b, `,"lifecycleStage":`, stage)
		b = appendTime(b, `,"lastActivityAt":`, seen)
		b = appendAccount(b, account, industry)
		b = append(b, '}')
	}
	return append(b, `]}}`...), rows.Err()
}

func (f floor) counted(r *http.Request, b []byte) ([]byte, error) {
	rows, err := f.pool.Query(r.Context(), `SELECT country, count(*), avg(lead_score)::float8 FROM contacts WHERE country IS NOT NULL GROUP BY country ORDER BY country`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	b = append(b, `{"contactsByCountry":[`...)
	for n := 0; rows.Next(); n++ {
		var country pgtype.Text
		var count int64
		var average float64
		if err := rows.Scan(&country, &count, &average); err != nil {
			return nil, err
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = appendText(b, `{"country":`, country)
		b = append(b, `,"count":`...)
		b = strconv.AppendInt(b, count, 10)
		b = append(b, `,"average":`...)
		b = strconv.AppendFloat(b, average, 'g', -1, 64)
		b = append(b, '}')
	}
	return append(b, `]}`...), rows.Err()
}

func appendAccount(b []byte, name, industry pgtype.Text) []byte {
	if !name.Valid {
		return append(b, `,"account":null`...)
	}
	b = appendText(b, `,"account":{"name":`, name)
	b = appendText(b, `,"industry":`, industry)
	return append(b, '}')
}

func appendID(b []byte, id pgtype.UUID) []byte {
	text, err := uuid.UUID(id.Bytes).MarshalText()
	if err != nil {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

func appendText(b []byte, key string, t pgtype.Text) []byte {
	b = append(b, key...)
	if !t.Valid {
		return append(b, "null"...)
	}
	for i := 0; i < len(t.String); i++ {
		if c := t.String[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			text, err := json.Marshal(t.String)
			if err != nil {
				return append(b, "null"...)
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, t.String...)
	return append(b, '"')
}

func appendTime(b []byte, key string, t pgtype.Timestamptz) []byte {
	b = append(b, key...)
	if !t.Valid {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

func appendDate(b []byte, key string, t pgtype.Date) []byte {
	b = append(b, key...)
	if !t.Valid {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.Time.AppendFormat(b, time.DateOnly)
	return append(b, '"')
}
