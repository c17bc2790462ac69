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

// ConsentEntry is one line of the consent ledger: what a person decided about a purpose or about all of their data, when, by
// what means, and what they were told at the time (GDPR Art. 7(1)). The present state is the subject's privacy_state, written
// in the same transaction; the ledger is the evidence for it. A mistake is corrected by another line.
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
		field.Int64("seq").Positive().Immutable().
			Comment("The person's lines are numbered from 1 in the order in which they took effect: a line that is missing shows."),
		field.Enum("decision").Immutable().
			Values("GIVE", "WITHDRAW", "OBJECT", "WITHDRAW_OBJECTION", "OVERRULE_OBJECTION", "RESTRICT", "INFORM", "LIFT_RESTRICTION"),
		field.String("purpose").Default("").Immutable().
			Comment("The purpose's name in the schema at the time; empty where the decision is about all processing."),
		field.Int("bit").Default(-1).Immutable().
			Comment("The purpose's permanent number, by which it is known whatever its name becomes; -1 without a purpose."),
		field.Time("at").Immutable(),
		field.Enum("method").Immutable().
			Values("PORTAL", "FORM", "TELEPHONE", "LETTER", "EMAIL", "IN_PERSON", "IMPORT", "GPC", "DOUBLE_OPT_IN", "UNSUBSCRIBE"),
		field.String("actor").NotEmpty().Immutable().
			Comment("`subject`, `system`, or the role that recorded it on the subject's behalf."),
		field.String("recorded_by").Default("").Immutable().
			Comment("The identity of the member of staff who recorded it; empty where the person did so."),
		field.String("language").Default("").Immutable().
			Comment("BCP 47, of the notice shown."),
		field.String("notice_version").Default("").Immutable(),
		field.String("notice_hash").Default("").Immutable().
			Comment("SHA-256 of the text shown, hex: the text itself is kept under it."),
		field.String("ground").Default("").Immutable().
			Comment("Of a restriction: which letter of GDPR Art. 18(1). Of an objection that is overruled: the compelling grounds (Art. 21(1))."),
		field.Text("evidence").Default("").Immutable().StructTag(`json:"-"`).
			Comment("A reference to what proves it, such as the number of a form; never the proof itself."),
		field.Time("expires_at").Optional().Nillable().Immutable().
			Comment("From then on it is no consent any more."),
	}
}

// Indexes serve "what did this person say, in order".
func (ConsentEntry) Indexes() []ent.Index {
	return []ent.Index{index.Fields("subject_id", "seq").Unique()}
}

// Hooks refuse updates and deletions.
func (ConsentEntry) Hooks() []ent.Hook { return []ent.Hook{guard.OnlyCreate} }

// Policy denies by default.
func (ConsentEntry) Policy() ent.Policy { return guard.Policy() }
