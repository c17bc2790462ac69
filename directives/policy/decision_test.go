package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

const library = `
enum Purpose {
  LENDING @lawful(basis: CONTRACT, bit: 0, notice: "We keep track of what you borrow.")
  NEWSLETTER @lawful(basis: CONSENT, bit: 1, notice: "We write to you about new books.")
  ADVICE @lawful(basis: CONSENT, bit: 2, notice: "We suggest books after what you read.")
  SURVEY @lawful(basis: LEGITIMATE_INTERESTS, bit: 3, notice: "We ask how you like it here.")
  SELF_SERVICE @lawful(basis: LEGAL_OBLIGATION, bit: 4, notice: "You see what we hold about you.")
}
enum Role {
  LIBRARIAN @clearance(categories: [IDENTITY, CONTACT], purposes: [LENDING, NEWSLETTER])
  ADVISER @clearance(categories: [IDENTITY, BEHAVIORAL], upTo: HIGH, purposes: [ADVICE, SURVEY])
  READER @clearance(categories: [], purposes: [SELF_SERVICE])
  CLEANER @clearance(categories: [], purposes: [LENDING])
}
type Reader @entity @subject
  @access(roles: [LIBRARIAN, ADVISER, READER])
  @access(to: [UPDATE], roles: [READER])
  @purpose(only: [LENDING, NEWSLETTER, ADVICE, SURVEY, SELF_SERVICE])
  @retain(for: "P3Y", after: "leftAt", because: "Fees may be disputed for three years.") {
  id: ID!
  card: String! @public(because: "A random number.")
  name: String @pii(category: IDENTITY, mask: NAME)
  email: String @pii(category: CONTACT, mask: EMAIL)
  favourite: String @pii(category: BEHAVIORAL, sensitivity: HIGH) @consent(to: ADVICE)
  remark: String @pii(category: BEHAVIORAL, sensitivity: HIGH) @consent(to: ADVICE, otherwise: NULL)
  diary: String @pii(category: BEHAVIORAL, sensitivity: HIGH, mask: NULL) @consent(to: ADVICE, otherwise: DENY) @consent(to: NEWSLETTER, otherwise: NULL)
  letter: String @computed(from: ["remark", "diary"])
  desk: String @consent(to: ADVICE, otherwise: DENY) @public(because: "Where they like to sit.")
  bill: String @computed(from: ["diary", "fee"])
  fee: String @pii(category: FINANCIAL) @access(roles: [LIBRARIAN])
  fines: Int @pii(category: FINANCIAL, mask: GENERALIZE) @purpose(only: [LENDING]) @access(roles: [LIBRARIAN]) @access(to: [UPDATE], roles: [LIBRARIAN])
  badge: String @computed(from: ["name", "email"])
  leftAt: Date @public(because: "Membership is known at the desk.")
  loans: [Loan!]!
}
type Loan @entity
  @access(roles: [LIBRARIAN, READER])
  @purpose(only: [LENDING, SELF_SERVICE])
  @consent(to: ADVICE, otherwise: HIDE_ROW)
  @retain(for: "P1Y", after: "returnedAt", because: "Damages are settled within a year.") {
  id: ID!
  reader: Reader! @owner
  returnedAt: Date @public(because: "A date of the shelf.")
  title: String @pii(category: BEHAVIORAL)
}
`

func schema(t testing.TB) *ir.Schema {
	t.Helper()
	s, ds := compiler.Compile([]ir.Source{{Name: "library.graphqls", Text: library}})
	if s == nil {
		t.Fatal(ds)
	}
	return s
}

func TestDecision(t *testing.T) {
	s := schema(t)
	newsletter := policy.PurposeBit(s.Purpose("NEWSLETTER"))
	advice := policy.PurposeBit(s.Purpose("ADVICE"))
	for _, c := range []struct {
		name, role, purpose, field string
		state                      policy.State
		want                       policy.Outcome
		reason                     policy.Reason
	}{
		{"cleared", "LIBRARIAN", "LENDING", "email", 0, policy.Reveal, policy.ReasonCleared},
		{"public", "ADVISER", "SURVEY", "card", 0, policy.Reveal, policy.ReasonPublic},
		{"category not cleared", "ADVISER", "SURVEY", "email", 0, policy.Mask, policy.ReasonClearance},
		{"sensitivity not cleared", "LIBRARIAN", "LENDING", "favourite", advice, policy.Mask, policy.ReasonClearance},
		{"purpose by consent, not given", "LIBRARIAN", "NEWSLETTER", "email", 0, policy.Mask, policy.ReasonPurposeConsent},
		{"purpose by consent, given", "LIBRARIAN", "NEWSLETTER", "email", newsletter, policy.Reveal, policy.ReasonCleared},
		{"consent to another purpose", "LIBRARIAN", "NEWSLETTER", "email", advice, policy.Mask, policy.ReasonPurposeConsent},
		{"public under a purpose by consent", "LIBRARIAN", "NEWSLETTER", "card", 0, policy.Reveal, policy.ReasonPublic},
		{"gate closed", "ADVISER", "SURVEY", "favourite", 0, policy.Mask, policy.ReasonConsent},
		{"gate open", "ADVISER", "SURVEY", "favourite", advice, policy.Reveal, policy.ReasonCleared},
		{"withholding gate closed", "ADVISER", "SURVEY", "remark", 0, policy.Withhold, policy.ReasonConsent},
		{"withholding gate open", "ADVISER", "SURVEY", "remark", advice, policy.Reveal, policy.ReasonCleared},
		{"both gates, one open", "ADVISER", "ADVICE", "remark", newsletter, policy.Withhold, policy.ReasonConsent},
		{"denying gate closed", "ADVISER", "SURVEY", "diary", newsletter, policy.Deny, policy.ReasonConsent},
		{"denying gate open, another closed", "ADVISER", "SURVEY", "diary", advice, policy.Withhold, policy.ReasonConsent},
		{"the strictest of two closed gates", "ADVISER", "SURVEY", "diary", 0, policy.Deny, policy.ReasonConsent},
		{"all gates open", "ADVISER", "SURVEY", "diary", advice | newsletter, policy.Reveal, policy.ReasonCleared},
		{"denied before it is masked", "LIBRARIAN", "LENDING", "diary", 0, policy.Deny, policy.ReasonConsent},
		{"what is public is denied too", "LIBRARIAN", "LENDING", "desk", 0, policy.Deny, policy.ReasonConsent},
		{"computed from a denied field", "ADVISER", "SURVEY", "letter", 0, policy.Deny, policy.ReasonConsent},
		{"computed from a withheld field", "ADVISER", "SURVEY", "letter", advice, policy.Withhold, policy.ReasonConsent},
		{"whoever may not see it learns of no consent", "ADVISER", "SURVEY", "bill", 0, policy.Withhold, policy.ReasonFieldAccess},
		{"own data is not denied", "READER", "SELF_SERVICE", "diary", 0, policy.Reveal, policy.ReasonOwnData},
		{"field of another role", "ADVISER", "SURVEY", "fines", 0, policy.Withhold, policy.ReasonFieldAccess},
		{"field of another purpose", "LIBRARIAN", "NEWSLETTER", "fines", newsletter, policy.Withhold, policy.ReasonFieldPurpose},
		{"computed from a masked field", "ADVISER", "SURVEY", "badge", 0, policy.Mask, policy.ReasonClearance},
		{"computed from gated fields", "LIBRARIAN", "NEWSLETTER", "badge", 0, policy.Mask, policy.ReasonPurposeConsent},
		{"computed from revealed fields", "LIBRARIAN", "LENDING", "badge", 0, policy.Reveal, policy.ReasonCleared},
		{"own data", "READER", "SELF_SERVICE", "favourite", 0, policy.Reveal, policy.ReasonOwnData},
		{"own data a field keeps to others", "READER", "SELF_SERVICE", "fines", 0, policy.Withhold, policy.ReasonFieldAccess},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := policy.NewRequest(s, policy.Principal{Role: c.role}, c.purpose)
			if err != nil {
				t.Fatal(err)
			}
			cell := policy.CellOf(s.Type("Reader").Field(c.field), req)
			if got := cell.Decide(c.state); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			why := cell.Why
			if cell.Decide(c.state) < cell.Outcome {
				why = cell.Without(c.want)
			}
			if why.Reason != c.reason {
				t.Errorf("because %s, want %s", why.Reason, c.reason)
			}
			if why.Outcome < policy.Reveal && (why.Text == "" || why.Remedy == "") {
				t.Errorf("%+v neither explains nor helps", why)
			}
		})
	}
}

// What becomes of people without consent to the purpose of the operation is said by the purpose.
func TestOtherwiseOfAPurpose(t *testing.T) {
	for otherwise, want := range map[string]policy.Outcome{"MASK": policy.Mask, "NULL": policy.Withhold, "DENY": policy.Deny, "HIDE_ROW": policy.Reveal} {
		t.Run(otherwise, func(t *testing.T) {
			s, ds := compiler.Compile([]ir.Source{{Name: "library.graphqls", Text: strings.Replace(library, `basis: CONSENT, bit: 1,`, `basis: CONSENT, otherwise: `+otherwise+`, bit: 1,`, 1)}})
			if s == nil {
				t.Fatal(ds)
			}
			bit := policy.PurposeBit(s.Purpose("NEWSLETTER"))
			req, err := policy.NewRequest(s, policy.Principal{Role: "LIBRARIAN"}, "NEWSLETTER")
			if err != nil {
				t.Fatal(err)
			}
			reader := s.Type("Reader")
			email, card := policy.CellOf(reader.Field("email"), req), policy.CellOf(reader.Field("card"), req)
			if got := email.Decide(0); got != want {
				t.Errorf("without consent %s, want %s", got, want)
			}
			if email.Decide(bit) != policy.Reveal || card.Decide(0) != policy.Reveal {
				t.Error("it is about personal fields without consent, and about nothing else")
			}
			needed := policy.State(0)
			if otherwise == "HIDE_ROW" {
				needed = bit
			}
			rows := policy.RowsOf(reader, ir.Read, req)
			if rows.Needed != needed || (rows.WithoutRow(req).Rule == "@lawful") != (needed != 0) {
				t.Errorf("rows need %b, want %b: %+v", rows.Needed, needed, rows.WithoutRow(req))
			}
			req, err = policy.NewRequest(s, policy.Principal{Role: "LIBRARIAN"}, "LENDING")
			if err != nil {
				t.Fatal(err)
			}
			if rows := policy.RowsOf(reader, ir.Read, req); rows.Needed != 0 {
				t.Error("another purpose hides rows")
			}
		})
	}
}

// A purpose without a bit has nobody's consent.
func TestNoBitIsNoConsent(t *testing.T) {
	bit := policy.PurposeBit(&ir.Purpose{Bit: ir.NoBit})
	for _, s := range []policy.State{0, 1<<56 - 1, policy.Restricted | policy.Erasing | policy.Held | 1<<56 - 1} {
		if s.Consented(bit) {
			t.Errorf("%b has consented", s)
		}
	}
}

func TestRows(t *testing.T) {
	s := schema(t)
	request := func(role, purpose string, subject uuid.UUID) policy.Request {
		req, err := policy.NewRequest(s, policy.Principal{Role: role, Subject: subject}, purpose)
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	reader, loan := s.Type("Reader"), s.Type("Loan")
	person := uuid.New()
	if r := policy.RowsOf(reader, ir.Read, request("CLEANER", "LENDING", uuid.Nil)); r.Allowed || r.Why.Reason != policy.ReasonTypeAccess {
		t.Errorf("a role without @access: %+v", r)
	}
	if r := policy.RowsOf(loan, ir.Read, request("LIBRARIAN", "NEWSLETTER", uuid.Nil)); r.Allowed || r.Why.Reason != policy.ReasonTypePurpose {
		t.Errorf("a purpose outside @purpose: %+v", r)
	}
	if r := policy.RowsOf(reader, ir.Delete, request("LIBRARIAN", "LENDING", uuid.Nil)); r.Allowed {
		t.Error("an operation nobody was granted is allowed")
	}
	if r := policy.RowsOf(reader, ir.Read, request("ADVISER", "SURVEY", uuid.Nil)); !r.Allowed ||
		r.Forbidden != policy.Erasing|policy.Restricted|policy.PurposeBit(s.Purpose("SURVEY")) {
		t.Errorf("legitimate interests: restriction, objection and erasure hide rows: %+v", r)
	}
	if r := policy.RowsOf(loan, ir.Read, request("LIBRARIAN", "LENDING", uuid.Nil)); r.Needed != policy.PurposeBit(s.Purpose("ADVICE")) {
		t.Errorf("a withholding consent on a type hides its rows: %+v", r)
	}
	if r := policy.RowsOf(loan, ir.Read, request("READER", "SELF_SERVICE", person)); !r.OwnOnly || r.Needed != 0 || r.Forbidden != policy.Erasing {
		t.Errorf("self-service: own rows, whatever was consented or restricted: %+v", r)
	}
	if r := policy.RowsOf(reader, ir.Read, request("LIBRARIAN", "LENDING", person)); !r.OwnOnly {
		t.Error("a principal with a subject reaches other people's rows in another role")
	}
}

func TestRequest(t *testing.T) {
	s := schema(t)
	for _, c := range []struct {
		name, role, purpose string
		want                error
	}{
		{"the only purpose", "READER", "", nil},
		{"one of several, unnamed", "LIBRARIAN", "", policy.ErrPurposeRequired},
		{"not cleared", "LIBRARIAN", "SURVEY", policy.ErrForbidden},
		{"no such purpose", "LIBRARIAN", "SPYING", policy.ErrForbidden},
		{"no such role", "BURGLAR", "LENDING", policy.ErrForbidden},
		{"no role", "", "", policy.ErrForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := policy.NewRequest(s, policy.Principal{Role: c.role}, c.purpose); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestMayWrite(t *testing.T) {
	s := schema(t)
	for _, c := range []struct {
		role, purpose, field string
		want                 bool
	}{
		{"LIBRARIAN", "LENDING", "fines", true},
		{"LIBRARIAN", "NEWSLETTER", "fines", false},
		{"READER", "SELF_SERVICE", "fines", false},
		{"READER", "SELF_SERVICE", "email", true},
	} {
		req, err := policy.NewRequest(s, policy.Principal{Role: c.role}, c.purpose)
		if err != nil {
			t.Fatal(err)
		}
		if _, why, _, ok := policy.MayWrite(s.Type("Reader").Field(c.field), ir.Update, req); ok != c.want {
			t.Errorf("%s for %s writes %s: %v, want %v (%s)", c.role, c.purpose, c.field, ok, c.want, why.Text)
		}
	}
}

// The matrix people read and the decision queries get must be one.
func TestMatrixAgreesWithDecisions(t *testing.T) {
	s := schema(t)
	for _, f := range s.Type("Reader").Fields {
		for _, e := range policy.Matrix(s, f) {
			req, err := policy.NewRequest(s, policy.Principal{Role: e.Role.Name}, e.Purpose.Name)
			if err != nil {
				if e.Outcome != policy.Withhold || e.Why.Reason != policy.ReasonPurposeClearance {
					t.Errorf("%s %s %s: refused operations show %s", f.Name, e.Role.Name, e.Purpose.Name, e.Outcome)
				}
				continue
			}
			rows := policy.RowsOf(f.Owner, ir.Read, req)
			cell := policy.CellOf(f, req)
			if want := cell.Outcome; rows.Allowed && e.Outcome != want || !rows.Allowed && e.Outcome != policy.Withhold {
				t.Errorf("%s %s %s: %s", f.Name, e.Role.Name, e.Purpose.Name, e.Outcome)
			}
		}
	}
}

func TestCombine(t *testing.T) {
	const consent, other, objected = policy.State(1 << 1), policy.State(1 << 2), policy.State(1 << 3)
	consents := consent | other
	if got := policy.Combine(consents, consent|other, consent|objected|policy.Restricted); got != consent|objected|policy.Restricted {
		t.Errorf("co-owners: the strictest wins, got %b", got)
	}
	if got := policy.Combine(consents); got != 0 {
		t.Errorf("nobody has consented to nothing, got %b", got)
	}
	var zero policy.Cell
	if zero.Decide(-1) != policy.Withhold {
		t.Error("the zero cell shows something")
	}
}

// Where nobody could consent, nobody did: a gate on a type without an owner stays shut.
func TestConsentOfNobody(t *testing.T) {
	s := schema(t)
	req, err := policy.NewRequest(s, policy.Principal{Role: "LIBRARIAN"}, "LENDING")
	if err != nil {
		t.Fatal(err)
	}
	advice := s.Purpose("ADVICE")
	shelf := &ir.Type{Name: "Shelf", Entity: true, Access: s.Type("Loan").Access, Consents: []ir.Consent{{To: advice, Otherwise: ir.OtherwiseHideRow}}}
	if rows := policy.RowsOf(shelf, ir.Read, req); !rows.Allowed || rows.Needed != policy.PurposeBit(advice) {
		t.Errorf("the rows need %b, want the consent to %s", rows.Needed, advice.Name)
	}
}
