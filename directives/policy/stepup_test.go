package policy_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

const vault = `
enum Purpose {
  CUSTODY @lawful(basis: CONTRACT, bit: 0, notice: "We keep what you bring.")
  AUDIT @lawful(basis: LEGAL_OBLIGATION, bit: 1, notice: "We count what we keep.")
}
enum Role {
  CLERK @clearance(categories: [IDENTITY], purposes: [CUSTODY, AUDIT])
  KEEPER @clearance(categories: [IDENTITY, FINANCIAL], purposes: [CUSTODY])
  AUDITOR @clearance(categories: [IDENTITY], purposes: [AUDIT])
}
type Depositor @entity @subject
  @access(roles: [KEEPER])
  @access(roles: [CLERK], when: "row.branch == viewer.branch")
  @access(roles: [CLERK], aal: 2)
  @access(roles: [AUDITOR], aal: 1, freshWithin: "PT1H")
  @access(to: [UPDATE], roles: [KEEPER])
  @access(to: [DELETE], roles: [KEEPER], aal: 2, freshWithin: "PT15M")
  @purpose(only: [CUSTODY, AUDIT])
  @retain(for: "P3Y", after: "leftAt", because: "Claims end then.") {
  id: ID!
  branch: String @public(because: "A place of ours.")
  name: String @pii(category: IDENTITY)
  balance: Int @pii(category: FINANCIAL) @purpose(only: [CUSTODY])
    @access(roles: [KEEPER], aal: 2)
    @access(to: [UPDATE], roles: [KEEPER], freshWithin: "PT15M")
  label: String @computed(from: ["name", "branch"])
  secret: String @pii(category: IDENTITY) @access(roles: [KEEPER], freshWithin: "PT15M")
  both: String @computed(from: ["name", "secret"])
  leftAt: Date @public(because: "Known at the desk.")
}
`

func TestStepUp(t *testing.T) {
	s, ds := compiler.Compile([]ir.Source{{Name: "vault.graphqls", Text: vault}})
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	depositor := s.Type("Depositor")
	request := func(role, purpose string, aal int, age time.Duration) policy.Request {
		p := policy.Principal{Role: role, AAL: aal, AuthenticatedAt: now.Add(-age)}
		if age == never {
			p.AuthenticatedAt = time.Time{}
		}
		r, err := policy.NewRequest(s, p, purpose)
		if err != nil {
			t.Fatal(err)
		}
		return r.Assured(p, now)
	}
	two15 := ir.StepUp{AAL: 2, FreshWithin: ir.Duration(15 * time.Minute)}
	for _, c := range []struct {
		name string
		r    policy.Request
		op   ir.Op
		want bool
		need ir.StepUp
	}{
		{"no rule asks", request("KEEPER", "CUSTODY", 0, never), ir.Read, true, ir.StepUp{}},
		{"one factor", request("KEEPER", "CUSTODY", 1, 0), ir.Delete, false, two15},
		{"two, long ago", request("KEEPER", "CUSTODY", 2, time.Hour), ir.Delete, false, two15},
		{"two, nobody knows when", request("KEEPER", "CUSTODY", 2, never), ir.Delete, false, two15},
		{"two, just at the bound", request("KEEPER", "CUSTODY", 2, 15*time.Minute), ir.Delete, true, ir.StepUp{}},
		{"two, just past it", request("KEEPER", "CUSTODY", 2, 15*time.Minute+time.Nanosecond), ir.Delete, false, two15},
		{"signed in tomorrow", request("KEEPER", "CUSTODY", 2, -time.Hour), ir.Delete, false, two15},
		{"by a clock a little ahead", request("KEEPER", "CUSTODY", 2, -time.Second), ir.Delete, true, ir.StepUp{}},
		{"a level beyond", request("KEEPER", "CUSTODY", 3, 0), ir.Delete, true, ir.StepUp{}},
		{"other roles need no step-up, they may not", request("CLERK", "CUSTODY", 1, 0), ir.Delete, false, ir.StepUp{}},
		{"some rows, and more with two factors", request("CLERK", "CUSTODY", 1, 0), ir.Read, true, ir.StepUp{AAL: 2}},
		{"all rows with two", request("CLERK", "CUSTODY", 2, never), ir.Read, true, ir.StepUp{}},
		{"nobody knows how", request("AUDITOR", "AUDIT", 0, 0), ir.Read, false, ir.StepUp{AAL: 1, FreshWithin: ir.Duration(time.Hour)}},
		{"one factor within the hour", request("AUDITOR", "AUDIT", 1, 59*time.Minute), ir.Read, true, ir.StepUp{}},
	} {
		rows := policy.RowsOf(depositor, c.op, c.r)
		if rows.Allowed != c.want || rows.StepUp != c.need {
			t.Errorf("%s: allowed %t, needs %s", c.name, rows.Allowed, rows.StepUp)
		}
		if rows.Allowed == (rows.Why.Reason == policy.ReasonStepUp) && !c.need.IsZero() {
			t.Errorf("%s: explained as %s", c.name, rows.Why.Reason)
		}
	}
	if rows := policy.RowsOf(depositor, ir.Read, request("CLERK", "CUSTODY", 2, 0)); len(rows.Grants) > 0 {
		t.Error("the condition still limits who has made the step-up")
	}
	for _, c := range []struct {
		name, field string
		r           policy.Request
		want        policy.Outcome
		reason      policy.Reason
	}{
		{"below", "balance", request("KEEPER", "CUSTODY", 1, 0), policy.Withhold, policy.ReasonStepUp},
		{"met", "balance", request("KEEPER", "CUSTODY", 2, never), policy.Reveal, policy.ReasonCleared},
		{"another role", "balance", request("CLERK", "CUSTODY", 1, 0), policy.Withhold, policy.ReasonFieldAccess},
		{"another purpose no step-up would help", "balance", request("CLERK", "AUDIT", 1, 0), policy.Withhold, policy.ReasonFieldAccess},
		{"computed from a field below", "both", request("KEEPER", "CUSTODY", 2, time.Hour), policy.Withhold, policy.ReasonStepUp},
		{"computed from fields that ask for nothing", "label", request("KEEPER", "CUSTODY", 0, never), policy.Reveal, policy.ReasonCleared},
	} {
		cell := policy.CellOf(depositor.Field(c.field), c.r)
		if cell.Outcome != c.want || cell.Why.Reason != c.reason || cell.Queryable() != (c.want == policy.Reveal) {
			t.Errorf("%s: %s by %s", c.name, cell.Outcome, cell.Why.Reason)
		}
		if (c.reason == policy.ReasonStepUp) == cell.StepUp.IsZero() {
			t.Errorf("%s: needs %s", c.name, cell.StepUp)
		}
	}
	if _, why, need, ok := policy.MayWrite(depositor.Field("balance"), ir.Update, request("KEEPER", "CUSTODY", 2, time.Hour)); ok || need.IsZero() || why.Reason != policy.ReasonStepUp {
		t.Errorf("written without the step-up: %v %s", why, need)
	}
	if _, _, _, ok := policy.MayWrite(depositor.Field("balance"), ir.Update, request("KEEPER", "CUSTODY", 0, time.Minute)); !ok {
		t.Error("not written with it")
	}
}

const never = time.Duration(-1 << 62)

// Sessions that differ in nothing the schema asks about share plans.
func TestSessionsThatProvedTheSameAreOneRequest(t *testing.T) {
	now := time.Now()
	bare := schema(t)
	p := policy.Principal{Role: "LIBRARIAN", AAL: 2, AuthenticatedAt: now, Subject: uuid.Nil}
	r, err := policy.NewRequest(bare, p, "LENDING")
	if err != nil {
		t.Fatal(err)
	}
	if r.Assured(p, now) != r {
		t.Error("a schema without step-ups tells sessions apart")
	}
	s, _ := compiler.Compile([]ir.Source{{Name: "vault.graphqls", Text: vault}})
	at := func(aal int, age time.Duration) policy.Request {
		p := policy.Principal{Role: "KEEPER", AAL: aal, AuthenticatedAt: now.Add(-age)}
		r, err := policy.NewRequest(s, p, "CUSTODY")
		if err != nil {
			t.Fatal(err)
		}
		return r.Assured(p, now)
	}
	if at(2, time.Minute) != at(2, 2*time.Minute) || at(2, 20*time.Minute) != at(2, 50*time.Minute) || at(2, 2*time.Hour) != at(2, 20*time.Hour) || at(2, 0) != at(3, 0) {
		t.Error("sessions that meet the same step-ups have plans of their own")
	}
	if at(2, time.Minute) == at(2, 20*time.Minute) || at(1, 0) == at(2, 0) {
		t.Error("sessions that meet different step-ups share plans")
	}
}

func TestMatrixTellsOfStepUps(t *testing.T) {
	s, _ := compiler.Compile([]ir.Source{{Name: "vault.graphqls", Text: vault}})
	for _, e := range policy.Matrix(s, s.Type("Depositor").Field("balance")) {
		if e.Role.Name == "KEEPER" && e.Purpose.Name == "CUSTODY" && (e.Outcome != policy.Reveal || e.Below != policy.Withhold || e.StepUp != ir.StepUp{AAL: 2}) {
			t.Errorf("%s, below %s %s", e.Outcome, e.StepUp, e.Below)
		}
	}
	for _, e := range policy.Matrix(s, s.Type("Depositor").Field("name")) {
		if e.Role.Name == "CLERK" && e.Purpose.Name == "CUSTODY" && (e.Outcome != policy.Reveal || e.Below != policy.Reveal || e.StepUp != ir.StepUp{AAL: 2} || e.Where != nil) {
			t.Errorf("%s where %v, below %s %s", e.Outcome, e.Where, e.StepUp, e.Below)
		}
		if e.Role.Name == "KEEPER" && !e.StepUp.IsZero() {
			t.Errorf("%s needs nothing, and is told %s", e.Role.Name, e.StepUp)
		}
	}
}
