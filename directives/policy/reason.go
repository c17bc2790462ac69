package policy

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// Outcome is what happens to a cell. The zero value withholds; a larger one shows more. Deny shows no less than Withhold, and
// says that it is for want of consent.
type Outcome int8

const (
	Deny Outcome = iota - 1
	Withhold
	Mask
	Reveal
)

// Outcomes is how many there are.
const Outcomes = int(Reveal-Deny) + 1

var outcomeNames = [Outcomes]string{"DENY", "WITHHOLD", "MASK", "REVEAL"}

// String returns DENY, WITHHOLD, MASK or REVEAL.
func (o Outcome) String() string { return outcomeNames[o.Index()] }

// Index counts the outcomes from zero, the strictest first.
func (o Outcome) Index() int { return int(o - Deny) }

// without is what becomes of a cell for want of consent.
func without(o ir.Otherwise) Outcome {
	switch o {
	case ir.OtherwiseMask:
		return Mask
	case ir.OtherwiseDeny:
		return Deny
	default:
		return Withhold
	}
}

// Reason is a stable code: why a cell got its outcome. The codes are part of the API (`extensions.privacy[].reason`).
type Reason string

const (
	ReasonCleared          Reason = "CLEARED"           // the role's clearance covers it
	ReasonOwnData          Reason = "OWN_DATA"          // data subjects see their own data (Art. 15)
	ReasonPublic           Reason = "PUBLIC"            // declared @public
	ReasonTypeAccess       Reason = "TYPE_ACCESS"       // no @access lets the role read the type
	ReasonStepUp           Reason = "STEP_UP"           // the role may, and the session has not proved enough
	ReasonTypePurpose      Reason = "TYPE_PURPOSE"      // the type may not be processed for the purpose
	ReasonFieldAccess      Reason = "FIELD_ACCESS"      // the field's @access names other roles
	ReasonFieldPurpose     Reason = "FIELD_PURPOSE"     // the field may not be processed for the purpose
	ReasonCondition        Reason = "CONDITION"         // the field's `when` does not hold for the row
	ReasonRetention        Reason = "RETENTION"         // the field's period is over
	ReasonRowsLimited      Reason = "ROWS_LIMITED"      // only rows that meet a condition exist for the viewer
	ReasonSearched         Reason = "SEARCHED"          // by which fields a search could find
	ReasonPurposeConsent   Reason = "PURPOSE_CONSENT"   // the purpose rests on consent, and the subject has not given it
	ReasonConsent          Reason = "CONSENT"           // a further consent is missing
	ReasonClearance        Reason = "CLEARANCE"         // the role's clearance does not cover category and sensitivity
	ReasonSmallGroup       Reason = "SMALL_GROUP"       // too few people for an aggregate to tell about them
	ReasonPurposeClearance Reason = "PURPOSE_CLEARANCE" // the role may not work for the purpose at all
)

// Explanation says why, to a developer and to a person.
type Explanation struct {
	Outcome Outcome
	Rule    string // the directive that decided: "@access", "@purpose", "@consent", "@lawful", "@clearance", "@retain", "@pii", "@public"
	Reason  Reason
	Text    string // one sentence
	Remedy  string // what would change it; empty when nothing need change
}
