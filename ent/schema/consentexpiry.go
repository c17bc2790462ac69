package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/ent/guard"
)

// ConsentExpiry says when one of a person's consents runs out. Reads subtract what has run out from privacy_state, so that no job
// has to have run; the rows of a person say in consent_until when that first becomes necessary.
type ConsentExpiry struct{ ent.Schema }

// Annotations name the table.
func (ConsentExpiry) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("consent_expiries")}
}

// Fields of an expiry.
func (ConsentExpiry) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(guard.NewID).Immutable(),
		field.UUID("subject_id", uuid.UUID{}).Immutable(),
		field.Int64("mask").Immutable().Comment("The purpose's bit in privacy_state."),
		field.Int64("until").Immutable().Comment("Microseconds since 1970, in UTC."),
	}
}

// Indexes serve the reads.
func (ConsentExpiry) Indexes() []ent.Index {
	return []ent.Index{index.Fields("subject_id", "mask").Unique()}
}

// Policy denies by default.
func (ConsentExpiry) Policy() ent.Policy { return guard.Policy() }
