package ir

import (
	"slices"
	"strings"
)

// Type is an object type. Only entities are stored; a plain object type can be returned by hand-written resolvers and
// all its fields are public by declaration.
type Type struct {
	Name       string
	Desc       string
	Plural     string // the list's root field, e.g. "contacts"
	Singular   string // the get's root field, e.g. "contact"
	Table      string
	Entity     bool
	Subject    bool // rows are natural persons
	Implements []string
	Fields     []*Field
	Access     []*Access
	Purposes   PurposeSet // empty: any purpose
	Consents   []Consent
	Retains    []*Retain
	// Owners are the ways from a row to the people it is about, each a chain of to-one @owner edges ending in a
	// @subject type. A subject's own first path is empty: it is its own owner.
	Owners []OwnerPath
	Pos    Pos

	fields map[string]*Field
}

// OwnerPath is a chain of to-one edges from a type to a @subject type; empty means the row itself.
type OwnerPath []*Field

// Field returns the field of that name, or nil.
func (t *Type) Field(name string) *Field { return t.fields[name] }

// SealedBy is the column that says with whose key the row's cells are sealed: of a @subject type the person itself. Other
// rows keep it beside their cells, because whom they are about can change far away from them.
func (t *Type) SealedBy() string {
	if t.Subject {
		return "subject_id"
	}
	return "sealed_by"
}

// HasSealed reports whether the type has sealed fields.
func (t *Type) HasSealed() bool { return slices.ContainsFunc(t.Fields, (*Field).Sealed) }

// Personal reports whether rows of the type lead to a natural person.
func (t *Type) Personal() bool { return t.Subject || len(t.Owners) > 0 }

// FieldKind says where a field's value comes from.
type FieldKind uint8

const (
	// Column is a scalar or enum stored in the type's table.
	Column FieldKind = iota
	// ID is the row's identifier.
	ID
	// ToOne is an edge whose key is stored in this type's table.
	ToOne
	// ToMany is the other end of a ToOne of the target.
	ToMany
	// Computed is joined from other fields of the type.
	Computed
	// Plain is a field of a plain object type.
	Plain
)

// Scalar is the storage class of a column.
type Scalar uint8

const (
	String Scalar = iota
	Int
	Float
	Boolean
	DateTime
	Date
	Decimal // int64 ten-thousandths in storage, a JSON string outside
	JSON
	EnumScalar // stored as its name
	UUID       // id and edge keys
)

// TypeRef is a GraphQL type reference: a name, perhaps in a list, perhaps non-null.
type TypeRef struct {
	Name        string
	NonNull     bool
	List        bool
	ElemNonNull bool
}

// String renders the reference as SDL.
func (t TypeRef) String() string {
	s := t.Name
	if t.List {
		if t.ElemNonNull {
			s += "!"
		}
		s = "[" + s + "]"
	}
	if t.NonNull {
		s += "!"
	}
	return s
}

// Field is a field of a Type.
type Field struct {
	Owner  *Type // the type the field belongs to
	Name   string
	Desc   string
	Kind   FieldKind
	Type   TypeRef
	Scalar Scalar // of Column, ID and Computed fields
	Enum   *Enum  // when Scalar is EnumScalar
	// Column is the column in the type's table: of a Column the value, of a ToOne the key. Empty otherwise.
	Column string

	Pii      *Pii    // exactly one of Pii and Public on stored columns of types that can reach a subject
	Public   *Public // set on fields declared @public
	Access   []*Access
	Purposes PurposeSet // empty: any purpose the type allows
	Consents []Consent
	Retains  []*Retain

	Edge     *Edge    // of ToOne and ToMany
	Computed *Formula // of Computed

	Unique    bool
	Index     bool
	Immutable bool
	Default   *string // as text; "now" on DateTime and Date
	// Deprecated is `@deprecated` with its reason as SDL, or empty.
	Deprecated string
	OnUpdate   bool   // the default is written again at every change; the field is no input
	Format     string // EMAIL, PHONE, URL, COUNTRY, LANGUAGE, CURRENCY or empty
	Pattern    string // RE2, anchored by whoever matches
	MinLen     int
	MaxLen     int // 0: unbounded
	Pos        Pos
}

// Stored reports whether the field has a column of its own.
func (f *Field) Stored() bool { return f.Kind == Column || f.Kind == ToOne || f.Kind == ID }

// Coordinate names the field as `Type.field`, the schema coordinate of the GraphQL specification.
func (f *Field) Coordinate() string { return f.Owner.Name + "." + f.Name }

// Sealed reports whether the column keeps the value encrypted with the key of the person it is about.
func (f *Field) Sealed() bool { return f.Pii != nil && f.Pii.Sealed && f.Kind == Column }

// Blind reports whether a blind index says which sealed values are equal.
func (f *Field) Blind() bool { return f.Sealed() && f.Pii.Find >= FindExact }

// sealedSuffix is what the name of a sealed column ends in. A column that changes its storage thereby gets another name: the
// two have different types, and stand side by side until every value has moved.
const sealedSuffix = "_sealed"

// PlainColumn is the column the value is in while it is stored plain.
func (f *Field) PlainColumn() string {
	if f.Sealed() {
		return strings.TrimSuffix(f.Column, sealedSuffix)
	}
	return f.Column
}

// SealedColumn is the column the value is in while it is stored sealed.
func (f *Field) SealedColumn() string { return f.PlainColumn() + sealedSuffix }

// OtherColumn is the column the value is in while it has not moved yet to the storage the schema declares.
func (f *Field) OtherColumn() string {
	if f.Sealed() {
		return f.PlainColumn()
	}
	return f.SealedColumn()
}

// IndexColumn is the blind index of a sealed field.
func (f *Field) IndexColumn() string { return f.PlainColumn() + "_index" }

// InstanceColumn is the column that tells apart rows which share the value of a @unique field although one of them is
// hidden from whoever wrote the other (polyinstantiation). It is 0 for the first of them.
func (f *Field) InstanceColumn() string { return f.PlainColumn() + "_instance" }

// Edge describes a relation.
type Edge struct {
	Target *Type
	// Inverse is the field at the other end: of a ToMany always the target's ToOne that holds the key (it may be hidden,
	// see Hidden), of a ToOne the ToMany that shows it, or nil.
	Inverse *Field
	// IsOwner marks @owner edges: they lead to the subject.
	IsOwner  bool
	OnDelete OnDelete // of a ToOne
	// Audience is set on the ToMany of an @audience, which shows of another list of the type those who may be contacted: it is the
	// field of the type that says by which channel.
	Audience *Field
	// Hidden marks a ToOne the compiler added to hold the key of a ToMany without a declared other end. It is stored but
	// not part of the API.
	Hidden bool
}

// OnDelete says what happens to a row when the row its key points to is deleted.
type OnDelete uint8

const (
	Restrict OnDelete = iota
	Cascade
	SetNull
)

// Formula is a computed field: the named fields joined.
type Formula struct {
	From []*Field
	Join string
}

// Pii is a field's classification as personal data.
type Pii struct {
	Category    string // a value of PiiCategory
	Sensitivity Sensitivity
	Mask        Mask
	Sealed      bool // store: SEALED
	Find        Find
	Source      string
	Pos         Pos
}

// Public is a field's declaration as not hidden from those with access to the row.
type Public struct {
	Because string
	Pos     Pos
}

// Sensitivity orders the harm of a disclosure.
type Sensitivity uint8

const (
	Low Sensitivity = iota
	Standard
	High
	Special
)

// Mask names what stands in place of a hidden value.
type Mask uint8

const (
	Redact Mask = iota
	MaskEmail
	MaskPhone
	MaskName
	MaskYear
	MaskLast4
	MaskPrefix
	MaskGeneralize
	MaskPseudonym
	MaskNull
)

// Find says how a value may be looked up; each includes the ones before it.
type Find uint8

const (
	FindNone Find = iota
	FindExact
	FindPrefix
	FindOrder
)

// Consent is one @consent gate.
type Consent struct {
	To        *Purpose
	Otherwise Otherwise
	Pos       Pos
}

// Otherwise says what happens without consent. Each is stricter than the ones before it.
type Otherwise uint8

const (
	OtherwiseMask Otherwise = iota
	OtherwiseNull
	OtherwiseDeny
	OtherwiseHideRow
)

var otherwiseNames = [...]string{"MASK", "NULL", "DENY", "HIDE_ROW"}

// String returns the vocabulary's name.
func (o Otherwise) String() string { return otherwiseNames[o] }

// Retain is one @retain rule.
type Retain struct {
	For     Period
	After   *Field // a DateTime or Date column of the type
	Then    string // ERASE, ANONYMIZE, REVIEW
	Because string
	Pos     Pos
}

// Access is one @access rule.
type Access struct {
	To     OpSet
	Roles  RoleSet
	When   *Condition // nil: no condition
	StepUp StepUp     // zero: any session will do
	Pos    Pos
}

// Op is an operation of @access.
type Op uint8

const (
	Read Op = iota
	Create
	Update
	Delete
	ConsentOp
)

var opNames = [...]string{"READ", "CREATE", "UPDATE", "DELETE", "CONSENT"}

// String returns the vocabulary's name.
func (o Op) String() string { return opNames[o] }

// OpSet is a set of operations.
type OpSet uint8

// Has reports membership.
func (s OpSet) Has(o Op) bool { return s&(1<<o) != 0 }

// With returns the set with o added.
func (s OpSet) With(o Op) OpSet { return s | 1<<o }
