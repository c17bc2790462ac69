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

// NoticeText is a text people were shown when asked about a purpose, kept by its hash (GDPR Art. 7(1)): what somebody saw years
// ago is reproduced byte for byte, whatever the schema says by then.
type NoticeText struct{ ent.Schema }

// Annotations name the table and close it to changes.
func (NoticeText) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("notice_texts"), guard.AppendOnly{}}
}

// Fields of a text.
func (NoticeText) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(guard.NewID).Immutable(),
		field.String("hash").NotEmpty().Immutable().
			Comment("SHA-256 of the body in hex."),
		field.String("purpose").NotEmpty().Immutable().
			Comment("The purpose's name in the schema at the time."),
		field.String("language").NotEmpty().Immutable().
			Comment("BCP 47."),
		field.String("version").NotEmpty().Immutable(),
		field.Text("body").NotEmpty().Immutable(),
		field.Time("first_published").Default(guard.Now).Immutable(),
	}
}

// Indexes find a text by its hash, and keep each once.
func (NoticeText) Indexes() []ent.Index {
	return []ent.Index{index.Fields("hash", "purpose", "language").Unique()}
}

// Hooks refuse updates and deletions.
func (NoticeText) Hooks() []ent.Hook { return []ent.Hook{guard.OnlyCreate} }

// Policy denies by default.
func (NoticeText) Policy() ent.Policy { return guard.Policy() }

// PublishedPurpose is what a purpose meant under a number when people were asked about it. Under that number it may never come to
// mean more: the bits in people's privacy state say yes to this, and to nothing wider (EDPB Guidelines 05/2020 no. 110).
type PublishedPurpose struct{ ent.Schema }

// Annotations name the table and close it to changes.
func (PublishedPurpose) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("published_purposes"), guard.AppendOnly{}}
}

// Fields of a published purpose.
func (PublishedPurpose) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(guard.NewID).Immutable(),
		field.String("name").NotEmpty().Immutable(),
		field.Int("bit").Immutable().
			Comment("Its permanent number in every person's privacy state."),
		field.String("basis").NotEmpty().Immutable().
			Comment("A value of LawfulBasis."),
		field.Text("material").NotEmpty().Immutable().
			Comment("What people agree to, as canonical JSON."),
		field.String("material_hash").NotEmpty().Immutable().
			Comment("SHA-256 of the material in hex."),
		field.Time("first_published").Default(guard.Now).Immutable(),
	}
}

// Indexes keep each meaning of a purpose once.
func (PublishedPurpose) Indexes() []ent.Index {
	return []ent.Index{index.Fields("name", "bit", "basis", "material_hash").Unique()}
}

// Hooks refuse updates and deletions.
func (PublishedPurpose) Hooks() []ent.Hook { return []ent.Hook{guard.OnlyCreate} }

// Policy denies by default.
func (PublishedPurpose) Policy() ent.Policy { return guard.Policy() }
