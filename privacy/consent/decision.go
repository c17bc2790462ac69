package consent

import (
	"errors"
	"fmt"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
)

// Decision is what a line of the ledger says.
type Decision = consententry.Decision

// The decisions.
const (
	Give              = consententry.DecisionGIVE               // Art. 6(1)(a), 7
	Withdraw          = consententry.DecisionWITHDRAW           // Art. 7(3)
	Object            = consententry.DecisionOBJECT             // Art. 21(1) and (2)
	WithdrawObjection = consententry.DecisionWITHDRAW_OBJECTION // the person thinks better of it
	OverruleObjection = consententry.DecisionOVERRULE_OBJECTION // Art. 21(1): compelling legitimate grounds
	Restrict          = consententry.DecisionRESTRICT           // Art. 18(1)
	Inform            = consententry.DecisionINFORM             // Art. 18(3): told that the restriction is to be lifted
	LiftRestriction   = consententry.DecisionLIFT_RESTRICTION
)

// Method is how a decision was expressed.
type Method = consententry.Method

// The methods. Those that staff may report of a person are in OnBehalf.
const (
	Portal      = consententry.MethodPORTAL // the person themselves, signed in
	Form        = consententry.MethodFORM
	Telephone   = consententry.MethodTELEPHONE
	Letter      = consententry.MethodLETTER
	Email       = consententry.MethodEMAIL
	InPerson    = consententry.MethodIN_PERSON
	Import      = consententry.MethodIMPORT
	GPC         = consententry.MethodGPC // Global Privacy Control
	DoubleOptIn = consententry.MethodDOUBLE_OPT_IN
	Unsubscribe = consententry.MethodUNSUBSCRIBE // RFC 8058
)

// OnBehalf lists the methods by which a person can have told somebody who records it.
func OnBehalf() []Method { return []Method{Form, Telephone, Letter, Email, InPerson} }

// Actors that are no roles.
const (
	BySubject = "subject" // a person recorded it themselves
	BySystem  = "system"  // nobody did
)

// Errors a caller can act on.
var (
	ErrNotByConsent   = errors.New("this purpose does not rest on consent")
	ErrNotObjectable  = errors.New("this purpose is not open to objection: GDPR Art. 21(1) is about public tasks and legitimate interests. Where it rests on consent, withdraw that")
	ErrAbsolute       = errors.New("an objection to direct marketing cannot be overruled (GDPR Art. 21(3))")
	ErrNoObjection    = errors.New("there is no objection to this purpose")
	ErrNotRestricted  = errors.New("the processing of this person's data is not restricted")
	ErrNotTold        = errors.New("the person was not yet told that the restriction is to be lifted (GDPR Art. 18(3)): record that first")
	ErrUnknownSubject = errors.New("no record of this person")
	ErrExpired        = errors.New("this consent would have run out already")
	ErrOlder          = errors.New("a decision about this purpose of the same time or later is on record, and it holds")
	ErrNoticeChanged  = errors.New("the notice has changed since: show the current one, and ask again")
	ErrUnknownNotice  = errors.New("no notice is known by this hash")
)

// effect is what a decision does to the privacy state. Bit is that of its purpose; it means nothing where the decision is about all
// processing.
func effect(d Decision, bit policy.State) (set, clear policy.State) {
	switch d {
	case Give, Object:
		return bit, 0
	case Withdraw, WithdrawObjection, OverruleObjection:
		return 0, bit
	case Restrict:
		return policy.Restricted, 0
	case LiftRestriction:
		return 0, policy.Restricted
	default:
		return 0, 0
	}
}

// about reports whether a decision can be made about p, nil for all processing.
func about(d Decision, p *ir.Purpose) error {
	switch d {
	case Give, Withdraw:
		if p == nil || !p.ByConsent() {
			return ErrNotByConsent
		}
	case Object, WithdrawObjection, OverruleObjection:
		if p == nil || !p.Objectable() {
			return ErrNotObjectable
		}
	case Restrict, Inform, LiftRestriction:
		if p != nil {
			return fmt.Errorf("%s is about all processing, not about %s", d, p.Name)
		}
	default:
		return fmt.Errorf("there is no decision %q", d)
	}
	return nil
}
