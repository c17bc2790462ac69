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

// ConsentEntry is one line of the consent ledger: who gave or withdrew consent to which purpose, when, by what means, and
// what they were told at the time (GDPR Art. 7(1)). The present state is the subject's privacy_state, written in the same
// transaction; the ledger is the evidence for it.
type ConsentEntry struct{ ent.Schema }

// Annotations name the table and close it to changes.
func (ConsentEntry) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("consent_entries"), guard.AppendOnly{}}
}

// Fields of a ledger line.
func (ConsentEntry) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(guard.NewID).Immutable(),
		field.UUID("subject_id", uuid.UUID{}).Immutable(),
		field.String("purpose").NotEmpty().Immutable().
			Comment("The purpose's name in the schema at the time."),
		field.Enum("action").Values("GIVE", "WITHDRAW").Immutable(),
		field.Time("at").Default(guard.Now).Immutable(),
		field.String("method").Default("").Immutable().
			Comment("How it was expressed, for example `portal`, `phone`, `Sec-GPC`."),
		field.String("actor").NotEmpty().Immutable().
			Comment("`subject`, or the role that recorded it on the subject's behalf."),
		field.String("notice_version").Default("").Immutable(),
		field.String("notice_hash").Default("").Immutable().
			Comment("SHA-256 of the notice's text in hex: what the person was told can be proven later."),
		field.Text("evidence").Optional().Nillable().Immutable().StructTag(`json:"-"`),
	}
}

// Indexes serve "what did this person say about this purpose".
func (ConsentEntry) Indexes() []ent.Index {
	return []ent.Index{index.Fields("subject_id", "purpose", "at")}
}

// Hooks refuse updates and deletions.
func (ConsentEntry) Hooks() []ent.Hook { return []ent.Hook{guard.OnlyCreate} }

// Policy denies by default.
func (ConsentEntry) Policy() ent.Policy { return guard.Policy() }
