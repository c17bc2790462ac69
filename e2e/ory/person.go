package ory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	kratos "github.com/ory/kratos-client-go"
)

// Person is somebody to create.
type Person struct {
	Email    string
	Name     string
	Password string         // a random one if empty
	Verified bool           // the address is known to be theirs
	Public   map[string]any // metadata that a session shows: role, region, team
	Admin    map[string]any // metadata that only the admin API shows
}

// Identity is somebody who can sign in.
type Identity struct {
	Person
	ID string

	secret string // of the one-time passwords, once there is one
}

// Create enters a person.
func (s *Server) Create(ctx context.Context, p Person) (*Identity, error) {
	if p.Password == "" {
		p.Password = rand.Text()
	}
	body := kratos.CreateIdentityBody{SchemaId: "person", Traits: object{"email": p.Email, "name": p.Name},
		Credentials: &kratos.IdentityWithCredentials{Password: &kratos.IdentityWithCredentialsPassword{
			Config: &kratos.IdentityWithCredentialsPasswordConfig{Password: &p.Password}}}}
	if p.Public != nil {
		body.MetadataPublic = p.Public
	}
	if p.Admin != nil {
		body.MetadataAdmin = p.Admin
	}
	if p.Verified {
		body.VerifiableAddresses = []kratos.VerifiableIdentityAddress{{Value: p.Email, Via: "email", Verified: true, Status: "completed"}}
	}
	made, resp, err := s.admin.IdentityAPI.CreateIdentity(ctx).CreateIdentityBody(body).Execute()
	if err := done(resp, err); err != nil {
		return nil, fmt.Errorf("create a person: %w", err)
	}
	return &Identity{Person: p, ID: made.Id}, nil
}

// Find returns somebody who was created before, or nil. What Password says is taken on trust.
func (s *Server) Find(ctx context.Context, p Person) (*Identity, error) {
	found, resp, err := s.admin.IdentityAPI.ListIdentities(ctx).CredentialsIdentifier(p.Email).Execute()
	if err := done(resp, err); err != nil {
		return nil, fmt.Errorf("look for a person: %w", err)
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &Identity{Person: p, ID: found[0].Id}, nil
	}
	return nil, errors.New("look for a person: there are several")
}

// Revoke ends all sessions of a person.
func (s *Server) Revoke(ctx context.Context, i *Identity) error {
	return done(s.admin.IdentityAPI.DeleteIdentitySessions(ctx, i.ID).Execute())
}
