package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Record is a line of the consent ledger.
type Record struct {
	policy.Withheld

	Entry    uuid.UUID        // the line's id
	Subject  policy.SubjectID // whose decision it is
	Decision string           // a value of the ledger's: GIVE, WITHDRAW, OBJECT, …
	Purpose  *ir.Purpose      // nil: it is about all processing
	At       time.Time
	Expires  time.Time // zero: it does not run out
	Method   string    // how it was said: a value of the ledger's
	Actor    string    // who entered it: `subject`, `system` or a role; never a name
	Notice   Notice    // what the person was shown; zero: nothing
	// AsNow says that what the person was told is what the schema says now. Without it the receipt is silent about what may have
	// changed since: data, storage periods, recipients.
	AsNow bool
}

// Version is the schema_version of receipts that this package makes and understands.
const Version = "cloakroom-consent-receipt-1"

// Receipt is the document. Its members have the names of ISO/IEC TS 27560:2023 where there are such.
type Receipt struct {
	SchemaVersion string     `json:"schema_version"`
	RecordID      string     `json:"record_id"`        // id of the line of the ledger
	Subject       string     `json:"pii_principal_id"` // the person's number: it leads to them only inside the house
	Processing    Processing `json:"pii_processing"`
	Parties       []Party    `json:"party_identification"`
	Event         Event      `json:"event"`
}

// Processing is what was decided about.
type Processing struct {
	Notice   *Notice   `json:"privacy_notice,omitempty"`
	Purposes []Purpose `json:"purposes"` // none: all processing
}

// Notice is the text the person was shown.
type Notice struct {
	Version  string `json:"version,omitempty"`
	SHA256   string `json:"sha256,omitempty"`   // of its exact bytes, hex
	Language string `json:"language,omitempty"` // BCP 47
}

// Purpose is why data is processed.
type Purpose struct {
	Name        string `json:"purpose"`
	Description string `json:"purpose_description,omitempty"`
	LawfulBasis string `json:"lawful_basis,omitempty"` // GDPR Art. 6(1), such as `CONSENT`
	// Data are the kinds of personal data; Retention how long they are kept.
	Data       []Data      `json:"pii_information,omitempty"`
	Retention  []Retention `json:"retention_period,omitempty"`
	Recipients []Party     `json:"recipient_third_parties,omitempty"`
	// Jurisdiction is the controller's country (ISO 3166-1), or `EU`, whose lawful bases these are.
	Jurisdiction string   `json:"jurisdiction,omitempty"`
	Withdrawal   string   `json:"withdrawal_method,omitempty"`
	Rights       []string `json:"privacy_rights,omitempty"` // with their articles of the GDPR
	Controllers  []string `json:"pii_controllers,omitempty"`
}

// Data is a kind of personal data.
type Data struct {
	Category  string `json:"pii_type"`
	Sensitive bool   `json:"sensitive_pii_category"`
	Special   bool   `json:"special_pii_category"` // GDPR Art. 9(1)
}

// Retention is a storage period.
type Retention struct {
	Of     string `json:"of"`     // a type, or a field as `Type.field`
	Period string `json:"period"` // ISO 8601, calendar
	From   string `json:"from"`   // the field that starts the clock
	Then   string `json:"then"`   // ERASE, ANONYMIZE or REVIEW
}

// Party is who is responsible, or receives data.
type Party struct {
	ID      string `json:"party_id,omitempty"`
	Role    string `json:"party_role"` // `CONTROLLER`, or as what somebody receives data
	Name    string `json:"party_name"`
	Address string `json:"party_address,omitempty"`
	Contact string `json:"party_contact,omitempty"`
	Country string `json:"party_country,omitempty"` // ISO 3166-1 alpha-2
}

// Event is the decision.
type Event struct {
	Type    string `json:"event_type"`  // the ledger's word: `GIVE`
	State   string `json:"event_state"` // what it leads to: `given`
	Time    string `json:"event_time"`  // RFC 3339, UTC, to the microsecond
	Until   string `json:"valid_until,omitempty"`
	Consent string `json:"consent_type,omitempty"` // `expressed`, of a consent that was given
	Method  string `json:"collection_method"`
	Entity  string `json:"entity_id"` // who entered it: `subject`, `system` or a role
}

// controllerID is how a receipt refers to the one controller it names.
const controllerID = "controller"

// decision is what a word of the ledger leads to.
type decision struct{ state, words string }

var decisions = map[string]decision{
	"GIVE":               {"given", "gave consent"},
	"WITHDRAW":           {"withdrawn", "withdrew consent"},
	"OBJECT":             {"objected", "objected to processing"},
	"WITHDRAW_OBJECTION": {"objection_withdrawn", "took an objection to processing back"},
	"OVERRULE_OBJECTION": {"objection_overruled", "was told of compelling grounds against an objection to processing"},
	"RESTRICT":           {"restricted", "had processing restricted"},
	"INFORM":             {"informed", "was told that the restriction of processing will be lifted"},
	"LIFT_RESTRICTION":   {"restriction_lifted", "is no longer under a restriction of processing"},
}

// What a line may say of itself. Names and addresses of people fit in none of these.
var (
	word     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)
	version  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)
	language = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
	digest   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (r Record) check() error {
	fits := func(re *regexp.Regexp, s string) bool { return s == "" || re.MatchString(s) }
	switch {
	case r.Entry == uuid.Nil || r.Subject == uuid.Nil || r.At.IsZero():
		return errors.New("entry, subject and time are needed")
	case decisions[r.Decision] == decision{}:
		return errors.New("the decision is none of the ledger's")
	case !word.MatchString(r.Method) || !word.MatchString(r.Actor):
		return errors.New("method and actor are words, and no names")
	case !fits(version, r.Notice.Version) || !fits(language, r.Notice.Language) || !fits(digest, r.Notice.SHA256):
		return errors.New("version, language or digest of the notice is malformed")
	}
	return nil
}

// describe makes the document of a line.
func describe(s *ir.Schema, r Record) (Receipt, error) {
	if err := r.check(); err != nil {
		return Receipt{}, err
	}
	out := Receipt{SchemaVersion: Version, RecordID: r.Entry.String(), Subject: r.Subject.String(),
		Processing: Processing{Purposes: []Purpose{}}, Parties: []Party{}}
	if r.Notice != (Notice{}) {
		notice := r.Notice
		out.Processing.Notice = &notice
	}
	if c := s.Controller; c != nil {
		out.Parties = append(out.Parties, Party{ID: controllerID, Role: "CONTROLLER", Name: c.Name, Address: c.Address, Contact: c.Contact, Country: c.Country})
	}
	if r.Purpose != nil {
		out.Processing.Purposes = append(out.Processing.Purposes, purposeOf(s, r))
	}
	out.Event = Event{Type: r.Decision, State: decisions[r.Decision].state, Time: stamp(r.At), Method: r.Method, Entity: r.Actor}
	if r.Decision == "GIVE" {
		out.Event.Consent = "expressed"
	}
	if !r.Expires.IsZero() {
		out.Event.Until = stamp(r.Expires)
	}
	return out, nil
}

// timeForm is to the microsecond, as databases keep it.
const timeForm = "2006-01-02T15:04:05.000000Z"

func stamp(t time.Time) string { return t.UTC().Truncate(time.Microsecond).Format(timeForm) }

// encode is the one form a document has.
func (r Receipt) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads a document in its one form: what is not written as encode writes it, a member that nobody knows or that appears
// twice included, is refused.
func decode(payload []byte) (r Receipt, err error) {
	var head struct {
		SchemaVersion string `json:"schema_version"`
	}
	if err := json.Unmarshal(payload, &head); err != nil {
		return r, fmt.Errorf("it is no JSON document: %w", ErrNotGenuine)
	}
	if head.SchemaVersion != Version {
		return r, fmt.Errorf("it is of a form that this program does not know: try a newer one: %w", ErrUnknown)
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		return Receipt{}, fmt.Errorf("it is not written as a receipt is: %w", ErrNotGenuine)
	}
	if again, err := r.encode(); err != nil || !bytes.Equal(again, payload) {
		return Receipt{}, fmt.Errorf("it is not written as a receipt is: %w", ErrNotGenuine)
	}
	return r, nil
}
