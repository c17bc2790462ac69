// Package schema describes, to an Ent client of its own, the part of Cloakroom's tables that the benchmark's questions need.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// Account is a customer.
type Account struct{ ent.Schema }

// Annotations name the table.
func (Account) Annotations() []schema.Annotation { return table("accounts") }

// Fields are the columns.
func (Account) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}),
		field.Text("name"),
		field.Text("industry").Optional().Nillable(),
		field.Text("region").Optional().Nillable(),
	}
}

// Edges lead to the people of the account.
func (Account) Edges() []ent.Edge {
	return []ent.Edge{edge.To("contacts", Contact.Type)}
}

// Contact is a person.
type Contact struct{ ent.Schema }

// Annotations name the table.
func (Contact) Annotations() []schema.Annotation { return table("contacts") }

// Fields are the columns.
func (Contact) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}),
		field.Int64("privacy_state"),
		field.Text("first_name").Optional().Nillable(),
		field.Text("last_name").Optional().Nillable(),
		date("birthday"),
		field.Text("email").Optional().Nillable(),
		field.Text("phone").Optional().Nillable(),
		field.Text("city").Optional().Nillable(),
		field.Text("country").Optional().Nillable(),
		field.Text("region").Optional().Nillable(),
		field.Text("job_title").Optional().Nillable(),
		field.Text("preferred_language").Optional().Nillable(),
		field.String("lifecycle_stage").Optional().Nillable(),
		date("subscribed_at"),
		field.Time("last_activity_at").Optional().Nillable(),
		field.Int64("lead_score").Optional().Nillable(),
		field.Time("created_at"),
		field.UUID("account_id", uuid.UUID{}).Optional().Nillable(),
	}
}

// Edges lead to the account and to what happened.
func (Contact) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("account", Account.Type).Ref("contacts").Field("account_id").Unique(),
		edge.To("activities", Activity.Type),
	}
}

// Activity is a call, a letter, a meeting.
type Activity struct{ ent.Schema }

// Annotations name the table.
func (Activity) Annotations() []schema.Annotation { return table("activities") }

// Fields are the columns.
func (Activity) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}),
		field.String("type"),
		field.Time("occurred_at"),
		field.Text("title").Optional().Nillable(),
		field.UUID("contact_id", uuid.UUID{}).Optional().Nillable(),
	}
}

// Edges lead to the person.
func (Activity) Edges() []ent.Edge {
	return []ent.Edge{edge.From("contact", Contact.Type).Ref("activities").Field("contact_id").Unique()}
}

func table(name string) []schema.Annotation { return []schema.Annotation{entsql.Table(name)} }

func date(name string) ent.Field {
	return field.Time(name).SchemaType(map[string]string{dialect.Postgres: "date"}).Optional().Nillable()
}
