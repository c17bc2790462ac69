// Package data makes the people that the benchmark asks about: the same every time but for the day they begin to count
// from, and fictitious (RFC 2606 domains, telephone numbers set aside for fiction).
//
// One person in two hundred asked for restriction, one in a hundred objected to sales, six in ten agreed to marketing: a
// mix that takes every branch of a decision and hides few rows.
package data

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Shape of the data.
const (
	PerAccount = 50 // people of an account
	PerContact = 6  // activities of a person
)

// Bits of a person's privacy state, as graph/schema/purposes.graphqls gives them.
const (
	ObjectsToSales = 1 << 0
	Marketing      = 1 << 3
	Profiling      = 1 << 4
	ObjectsToStats = 1 << 5
	Restricted     = 1 << 60
)

type kind byte

const (
	account kind = iota + 1
	contact
	activity
	subject
)

// id is a UUID in the order of i, like those the gateway makes (version 7).
func id(k kind, i int) (u uuid.UUID) {
	binary.BigEndian.PutUint64(u[:8], uint64(i)<<20|uint64(k))
	mixed := mix(uint64(i)<<8 | uint64(k))
	binary.BigEndian.PutUint64(u[8:], mixed)
	u[0] |= 0x01 // no id is nil
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}

// mix is SplitMix64's finalizer: neighbours become strangers.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// ContactID is the id of person i.
func ContactID(i int) uuid.UUID { return id(contact, i) }

// State is the privacy state of person i.
func State(i int) int64 {
	var s int64
	draw := func(salt uint64, perMille uint64, bit int64) {
		if mix(uint64(i)*31+salt)%1000 < perMille {
			s |= bit
		}
	}
	draw(1, 600, Marketing)
	draw(2, 300, Profiling)
	draw(3, 5, Restricted)
	draw(4, 10, ObjectsToSales)
	draw(5, 10, ObjectsToStats)
	return s
}

var (
	regions   = [...]string{"EMEA", "EMEA", "EMEA", "EMEA", "EMEA", "AMER", "AMER", "AMER", "APAC", "APAC"}
	countries = map[string][]string{"EMEA": {"DE", "FR", "GB", "SE", "IT", "ES"}, "AMER": {"US", "CA", "BR"}, "APAC": {"JP", "AU"}}
	cities    = map[string]string{"DE": "Lübeck", "FR": "Nantes", "GB": "Leeds", "SE": "Malmö", "IT": "Torino", "ES": "Bilbao", "US": "Dayton",
		"CA": "Québec", "BR": "Recife", "JP": "Sendai", "AU": "Perth"}
	firstNames = [...]string{"Ada", "Alva", "Bruno", "Chloé", "Dagmar", "Erik", "Fatima", "Gustav", "Hana", "Ivo", "Jürgen", "Kiri", "Lena", "Mateo", "Noor", "Olga"}
	lastNames  = [...]string{"Lovelace", "Nyström", "Almeida", "Dubois", "Ekberg", "Fischer", "Haddad", "Ibsen", "Jansen", "Kobayashi", "Leroy", "Moreau", "Novák"}
	titles     = [...]string{"Buyer", "Head of Purchasing", "Engineer", "Managing Director", "Office Manager", "Controller"}
	industries = [...]string{"Dairy", "Shipping", "Printing", "Machinery", "Software", "Retail", "Energy"}
	languages  = [...]string{"de", "fr", "en", "sv", "it", "es", "pt", "ja"}
	stages     = [...]string{"SUBSCRIBER", "LEAD", "OPPORTUNITY", "CUSTOMER", "ADVOCATE", "FORMER"}
	kinds      = [...]string{"CALL", "EMAIL", "MEETING", "DEMO", "LETTER"}
)

var contactColumns = []string{"id", "subject_id", "privacy_state", "external_id", "first_name", "last_name", "birthday", "email", "phone", "mobile",
	"street", "city", "postal_code", "country", "region", "job_title", "preferred_language", "notes", "lifecycle_stage", "subscribed_at",
	"last_activity_at", "lead_score", "scored_at", "created_at", "updated_at", "account_id"}

func contactRow(i, accounts int, today time.Time) []any {
	a := i % accounts
	region := regions[a%len(regions)]
	lands := countries[region]
	country := lands[(i/accounts)%len(lands)]
	m := mix(uint64(i))
	first, last := firstNames[m%uint64(len(firstNames))], lastNames[m>>8%uint64(len(lastNames))]
	seen := today.Add(-time.Duration(m>>16%uint64(600*24*60)) * time.Minute)
	return []any{ContactID(i), id(subject, i), State(i), fmt.Sprintf("K-%07d", i), first, last,
		time.Date(1950+int(m>>24%50), time.Month(1+m>>32%12), 1+int(m>>40%28), 0, 0, 0, 0, time.UTC),
		fmt.Sprintf("person%d@customer%d.example.com", i, a), fmt.Sprintf("+4420794600%02d", m%100), fmt.Sprintf("+4477009000%02d", m>>5%100),
		fmt.Sprintf("%d Harbour Street", 1+m%180), cities[country], fmt.Sprintf("%05d", m%99999), country, region,
		titles[m>>4%uint64(len(titles))], languages[m>>6%uint64(len(languages))], "Prefers calls before ten. Compares us with two others.",
		stages[m>>7%uint64(len(stages))], seen.AddDate(-1, 0, 0), seen, int64(m >> 9 % 101), today.AddDate(0, -1, 0), seen.AddDate(-1, 0, 0), seen,
		id(account, a)}
}

var accountColumns = []string{"id", "external_id", "name", "domain", "industry", "region", "country", "city", "employees", "created_at", "updated_at"}

func accountRow(i int, today time.Time) []any {
	region := regions[i%len(regions)]
	country := countries[region][0]
	return []any{id(account, i), fmt.Sprintf("A-%06d", i), fmt.Sprintf("Customer %d & Sons", i), fmt.Sprintf("customer%d.example.com", i),
		industries[i%len(industries)], region, country, cities[country], int64(10 + mix(uint64(i))%5000), today.AddDate(-2, 0, 0), today}
}

var activityColumns = []string{"id", "type", "occurred_at", "duration_minutes", "direction", "title", "summary", "created_at", "contact_id", "account_id"}

func activityRow(i, people, accounts int, today time.Time) []any {
	c := i % people
	m := mix(uint64(i) * 7)
	at := today.Add(-time.Duration(m%uint64(600*24*60)) * time.Minute)
	return []any{id(activity, i), kinds[m%uint64(len(kinds))], at, int64(5 + m%60), "OUTBOUND", fmt.Sprintf("About offer %d", m%1000),
		"Wants a second quote by the end of the month.", at, ContactID(c), id(account, c%accounts)}
}
