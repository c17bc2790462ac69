package codegen

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// sample is a small schema that has one of everything the generator tells apart.
func sample() *ir.Schema {
	stage := &ir.Enum{Name: "Stage", Values: []ir.EnumValue{{Name: "LEAD", Desc: "Not a customer yet."}, {Name: "CUSTOMER", Deprecated: "@deprecated"}}}
	purpose := &ir.Enum{Name: "Purpose", Values: []ir.EnumValue{{Name: "SALES"}, {Name: "MARKETING"}}}
	role := &ir.Enum{Name: "Role", Values: []ir.EnumValue{{Name: "SALES_REP"}}}

	account := &ir.Type{Name: "Account", Desc: "A company.", Plural: "accounts", Singular: "account", Table: "accounts", Entity: true}
	contact := &ir.Type{Name: "Contact", Desc: "A person at a company.", Plural: "contacts", Singular: "contact", Table: "contacts",
		Entity: true, Subject: true, Owners: []ir.OwnerPath{{}}}

	text := func(t *ir.Type, name, column string) *ir.Field {
		return &ir.Field{Owner: t, Name: name, Kind: ir.Column, Type: ir.TypeRef{Name: "String"}, Column: column}
	}
	id := func(t *ir.Type) *ir.Field {
		return &ir.Field{Owner: t, Name: "id", Kind: ir.ID, Type: ir.TypeRef{Name: "ID", NonNull: true}, Scalar: ir.UUID, Column: "id"}
	}
	scalar := func(f *ir.Field, name string, s ir.Scalar) *ir.Field { f.Type.Name, f.Scalar = name, s; return f }
	pii := func(f *ir.Field, p ir.Pii) *ir.Field { f.Pii = &p; return f }
	def := func(f *ir.Field, v string) *ir.Field { f.Default = &v; return f }
	required := func(f *ir.Field) *ir.Field { f.Type.NonNull = true; return f }

	name := required(text(account, "name", "name"))
	name.Desc, name.Index = "As registered.", true
	external := text(account, "externalId", "external_id")
	external.Unique = true
	external.Deprecated = `@deprecated(reason: "Use id.")`
	since := scalar(def(text(account, "since", "since"), "now"), "Date", ir.Date)
	since.Immutable = true
	parent := &ir.Field{Owner: account, Name: "parent", Kind: ir.ToOne, Type: ir.TypeRef{Name: "Account"}, Column: "parent_id",
		Edge: &ir.Edge{Target: account, OnDelete: ir.SetNull}}
	contacts := &ir.Field{Owner: account, Name: "contacts", Kind: ir.ToMany,
		Type: ir.TypeRef{Name: "Contact", List: true, ElemNonNull: true, NonNull: true}, Edge: &ir.Edge{Target: contact}}
	account.Fields = []*ir.Field{
		id(account), name, external,
		scalar(def(text(account, "budget", "budget"), "12.5"), "Decimal", ir.Decimal),
		scalar(text(account, "employees", "employees"), "Int", ir.Int),
		scalar(text(account, "score", "score"), "Float", ir.Float),
		scalar(required(def(text(account, "active", "active"), "true")), "Boolean", ir.Boolean),
		scalar(text(account, "extra", "extra"), "JSON", ir.JSON),
		since, parent, contacts,
	}

	first := pii(required(text(contact, "firstName", "first_name")), ir.Pii{Category: "IDENTITY", Sealed: false, Find: ir.FindOrder})
	last := pii(text(contact, "lastName", "last_name"), ir.Pii{Category: "IDENTITY", Sealed: false, Find: ir.FindPrefix})
	email := pii(text(contact, "email", "email"), ir.Pii{Category: "CONTACT", Sealed: true, Find: ir.FindExact})
	notes := pii(text(contact, "notes", "notes"), ir.Pii{Category: "COMMUNICATION", Sealed: true})
	birthday := pii(scalar(text(contact, "birthday", "birthday"), "Date", ir.Date), ir.Pii{Category: "DEMOGRAPHIC", Find: ir.FindOrder})
	stageField := def(text(contact, "stage", "stage"), "LEAD")
	stageField.Type, stageField.Scalar, stageField.Enum = ir.TypeRef{Name: "Stage", NonNull: true}, ir.EnumScalar, stage
	at := scalar(text(contact, "lastActivityAt", "last_activity_at"), "DateTime", ir.DateTime)
	at.Index = true
	works := &ir.Field{Owner: contact, Name: "account", Kind: ir.ToOne, Type: ir.TypeRef{Name: "Account", NonNull: true}, Column: "account_id",
		Edge: &ir.Edge{Target: account, Inverse: contacts, OnDelete: ir.Cascade}}
	contacts.Edge.Inverse = works
	hidden := &ir.Field{Owner: contact, Name: "accountVips", Kind: ir.ToOne, Type: ir.TypeRef{Name: "Account"}, Column: "account_vips_id",
		Edge: &ir.Edge{Target: account, OnDelete: ir.SetNull, Hidden: true}}
	full := &ir.Field{Owner: contact, Name: "fullName", Kind: ir.Computed, Type: ir.TypeRef{Name: "String"},
		Computed: &ir.Formula{From: []*ir.Field{first, last}, Join: " "}}
	contact.Fields = []*ir.Field{id(contact), first, last, full, email, notes, birthday, stageField, at, works, hidden}

	total := &ir.Type{Name: "Total", Fields: []*ir.Field{
		{Name: "stage", Kind: ir.Plain, Type: ir.TypeRef{Name: "Stage", NonNull: true}},
		{Name: "count", Kind: ir.Plain, Type: ir.TypeRef{Name: "Int", NonNull: true}},
	}}
	s := &ir.Schema{
		Hash:  "5a",
		Types: []*ir.Type{account, contact, total},
		Enums: []*ir.Enum{purpose, role, stage},
		Queries: []*ir.Operation{{Name: "pipeline", SDL: "\"How many there are of each stage.\"\npipeline(region: String): [Total!]!",
			Type: ir.TypeRef{Name: "Total", List: true, ElemNonNull: true, NonNull: true}}},
		Unions: []*ir.Union{{Name: "Party", Members: []string{"Account", "Contact"}}},
	}
	s.Index()
	return s
}
