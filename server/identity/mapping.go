package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	kratos "github.com/ory/kratos-client-go"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Roles says what the schema knows of a role.
type Roles interface {
	// Kind reports whether there is such a role, and whether it is one of customers: it works for nothing but SELF_SERVICE.
	Kind(role string) (known, customer bool)
}

// Subjects finds the person behind a verified e-mail address.
type Subjects interface {
	// SubjectByEmail returns the one person whose records have one of the addresses; ok is false for nobody and for several.
	SubjectByEmail(ctx context.Context, addresses []string) (id policy.SubjectID, ok bool, err error)
}

// entry is `metadata_public.cloakroom` of an identity: what an operator says of it. People can read it and not write it. Traits are
// theirs to change, so nothing is taken from traits.
type entry struct {
	Role    string         `json:"role"`
	Attrs   map[string]any `json:"attrs"`
	Subject string         `json:"subject"`
}

// entryOf reads an identity's metadata. A member that is not known is a mistake: misspelt, it would be silently left out.
func entryOf(metadata any) (entry, error) {
	members, _ := metadata.(map[string]any)
	ours, ok := members["cloakroom"]
	if !ok || ours == nil {
		return entry{}, errNoRole
	}
	text, err := json.Marshal(ours)
	if err != nil {
		return entry{}, badMetadata(err)
	}
	var e entry
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return entry{}, badMetadata(errors.New("cloakroom has members besides role, attrs and subject, or one of the wrong type"))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return entry{}, badMetadata(errors.New("cloakroom is no object"))
	}
	if e.Role == "" {
		return entry{}, errNoRole
	}
	return e, nil
}

// badMetadata says to the log what is wrong. It names members, never what is in them.
func badMetadata(cause error) error {
	return &Refusal{errBadMetadata.Status, errBadMetadata.Err, cause}
}

// attributesOf brings attributes to the types a Principal promises.
func attributesOf(in map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(in))
	for name, v := range in {
		switch name {
		case "id", "role", "subject":
			return nil, fmt.Errorf("attrs.%s is built in and no attribute", name)
		}
		plain, ok := attribute(v)
		if !ok {
			return nil, errors.New("an attribute is neither a text, a number, true or false, nor a list of those")
		}
		out[name] = plain
	}
	return out, nil
}

// principalOf maps a session of Kratos.
func (k *Kratos) principalOf(ctx context.Context, s *kratos.Session) (policy.Principal, error) {
	e, err := entryOf(s.Identity.MetadataPublic)
	if err != nil {
		return policy.Principal{}, err
	}
	known, customer := k.Roles.Kind(e.Role)
	if !known {
		return policy.Principal{}, &Refusal{errNoRole.Status, errNoRole.Err, errors.New("cloakroom.role is no role of the schema")}
	}
	p := policy.Principal{ID: s.Identity.Id, Role: e.Role, AAL: aalOf(s)}
	if s.AuthenticatedAt != nil {
		p.AuthenticatedAt = s.AuthenticatedAt.UTC()
	}
	if p.Attrs, err = attributesOf(e.Attrs); err != nil {
		return policy.Principal{}, badMetadata(err)
	}
	switch {
	case customer && e.Subject == "":
		p.Subject, err = k.linked(ctx, s.Identity.VerifiableAddresses)
	case customer:
		if p.Subject, err = uuid.Parse(e.Subject); err != nil || p.Subject == uuid.Nil || p.Subject.String() != e.Subject {
			err = badMetadata(errors.New("cloakroom.subject is not the UUID of a person"))
		}
	case e.Subject != "":
		err = badMetadata(errors.New("cloakroom.subject belongs to customers: this role is one of staff"))
	}
	if err != nil {
		return policy.Principal{}, err
	}
	return p, nil
}

// linked finds the person whose records have a verified address of the identity.
//
// Threat: whoever can make an address theirs becomes that person. Only addresses that Kratos has verified count; an address that was
// changed is unverified again, and what it leads to is asked anew with every look-up. Several people are nobody: an address
// that stands in the records of two would show one of them to the other.
func (k *Kratos) linked(ctx context.Context, all []kratos.VerifiableIdentityAddress) (policy.SubjectID, error) {
	var verified []string
	for _, a := range all {
		if a.Via == "email" && a.Verified && a.Status == "completed" && a.Value != "" {
			verified = append(verified, a.Value)
		}
	}
	if len(verified) == 0 {
		return uuid.Nil, errNobody
	}
	id, ok, err := k.Subjects.SubjectByEmail(ctx, verified)
	switch {
	case err != nil:
		return uuid.Nil, unavailable(fmt.Errorf("look for the person of an e-mail address: %w", err))
	case !ok || id == uuid.Nil:
		return uuid.Nil, errNobody
	}
	return id, nil
}

// aalOf is the assurance level of a session. A level that is not known is none.
func aalOf(s *kratos.Session) int {
	if s.AuthenticatorAssuranceLevel == nil {
		return 0
	}
	return map[kratos.AuthenticatorAssuranceLevel]int{"aal1": 1, "aal2": 2, "aal3": 3}[*s.AuthenticatorAssuranceLevel]
}

// alive reports whether a session is worth something now.
func alive(s *kratos.Session, now time.Time) bool {
	return s.GetActive() && s.Id != "" && s.ExpiresAt != nil && s.ExpiresAt.After(now) &&
		s.Identity != nil && s.Identity.Id != "" && (s.Identity.State == nil || *s.Identity.State == "active")
}
