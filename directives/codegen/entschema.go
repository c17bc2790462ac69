package codegen

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

const modulePath = "github.com/cloakroom-crm/cloakroom"

// entSchemaDir holds the Ent schemas.
const entSchemaDir = "ent/schema"

// EntSchemas returns one Ent schema per entity.
//
// Columns and keys are ordinary Ent fields named after their column, so a mutation sets any of them by name. Edges are
// declared at the side that holds the key only: reads never use Ent's edges, and an edge without a back-reference is the
// one form Ent treats as many-to-one.
func EntSchemas(s *ir.Schema) ([]File, error) {
	var files []File
	for _, t := range s.Entities() {
		f, err := entSchema(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func entSchema(t *ir.Type) (File, error) {
	s := newSource("schema")
	imports := []string{
		"entgo.io/ent", "entgo.io/ent/dialect/entsql", "entgo.io/ent/schema", "entgo.io/ent/schema/field",
		"github.com/google/uuid", modulePath + "/ent/guard",
	}
	var fields, edges, indexes []string
	fields = append(fields, `field.UUID("id", uuid.UUID{}).Default(guard.NewID).Immutable()`)
	if t.Subject {
		fields = append(fields,
			`field.UUID("subject_id", uuid.UUID{})`,
			`field.Int64("privacy_state").Default(0)`,
			`field.Int64("consent_until").Default(guard.Never)`, // when the first of consent_ends comes
			`field.String("consent_ends").Optional()`)
		indexes = append(indexes, `index.Fields("subject_id")`)
	}
	if t.HasSealed() && !t.Subject {
		fields = append(fields, fmt.Sprintf("field.UUID(%q, uuid.UUID{}).Optional().Nillable()", t.SealedBy()))
		indexes = append(indexes, fmt.Sprintf("index.Fields(%q)", t.SealedBy()))
	}
	for _, f := range t.Fields {
		switch f.Kind {
		case ir.Column:
			col, err := entColumn(f)
			if err != nil {
				return File{}, fmt.Errorf("%s: %w", f.Name, err)
			}
			fields = append(fields, col)
		case ir.ToOne:
			fields = append(fields, entKey(f))
			edges = append(edges, entEdge(t, f))
		default:
			continue
		}
		key := f.Column
		if f.Blind() {
			key = f.IndexColumn()
			fields = append(fields, fmt.Sprintf("field.Int64(%q).Optional().Nillable()", key))
		}
		switch {
		case f.Unique:
			fields = append(fields, fmt.Sprintf("field.Int64(%q).Default(0)", f.InstanceColumn()))
			indexes = append(indexes, fmt.Sprintf("index.Fields(%q, %q).Unique()", key, f.InstanceColumn()))
		case f.Index || f.Kind == ir.ToOne || f.Blind():
			// PostgreSQL and SQLite index no foreign keys by themselves; deletions and to-many pages would scan the table.
			// With the id behind it an index also has the order of pages: no sort, however many rows match.
			indexes = append(indexes, fmt.Sprintf("index.Fields(%q, \"id\")", key))
		}
	}
	text := strings.Join(fields, "\n")
	if len(edges) > 0 {
		imports = append(imports, "entgo.io/ent/schema/edge")
	}
	if len(indexes) > 0 {
		imports = append(imports, "entgo.io/ent/schema/index")
	}
	if strings.Contains(text, "json.RawMessage") {
		imports = append(imports, "encoding/json")
	}
	if t.Personal() || strings.Contains(text, "seal.Cell{}") {
		imports = append(imports, modulePath+"/ent/seal")
	}
	if strings.Contains(text, "dialect.Postgres") {
		imports = append(imports, "entgo.io/ent/dialect")
	}
	writeImports(s, imports)

	doc := fmt.Sprintf("%s is %s.", t.Name, t.Pos)
	if t.Desc != "" {
		doc = t.Name + ": " + t.Desc
	}
	s.line("%s", comment(doc))
	s.line("type %s struct{ ent.Schema }", t.Name)
	s.line("")
	s.line("// Annotations name the table.")
	s.line("func (%s) Annotations() []schema.Annotation {", t.Name)
	s.line("return []schema.Annotation{entsql.Table(%q)}", t.Table)
	s.line("}")
	writeList(s, t.Name, "Fields", "ent.Field", "are the stored columns and keys", fields)
	writeList(s, t.Name, "Edges", "ent.Edge", "are the keys to other records", edges)
	writeList(s, t.Name, "Indexes", "ent.Index", "cover every key, every @index and every @unique", indexes)
	s.line("")
	if t.Personal() {
		s.line("// Hooks seal what the row keeps of a person.")
		s.line("func (%s) Hooks() []ent.Hook { return []ent.Hook{seal.Hook} }", t.Name)
		s.line("")
	}
	s.line("// Policy denies whoever holds neither a plan nor a system capability.")
	s.line("func (%s) Policy() ent.Policy { return guard.Policy() }", t.Name)
	return s.file(entSchemaDir + "/" + strings.ToLower(t.Name) + "_gen.go")
}

func writeList(s *source, typ, method, elem, doc string, items []string) {
	if len(items) == 0 {
		return
	}
	s.line("")
	s.line("// %s %s.", method, doc)
	s.line("func (%s) %s() []%s {", typ, method, elem)
	s.line("return []%s{", elem)
	for _, item := range items {
		s.line("%s,", item)
	}
	s.line("}")
	s.line("}")
}

// entColumn renders a stored value. Validation of shapes and lengths is the write path's: it answers in terms of the API.
func entColumn(f *ir.Field) (string, error) {
	if f.Sealed() {
		// Whether it is required, and its default, are known where it is sealed. In storage it may always be missing: a cell
		// whose key is gone can be cleared.
		return fmt.Sprintf("field.Bytes(%q).GoType(seal.Cell{}).Optional().StructTag(`json:\"-\"`)", f.Column), nil
	}
	var b strings.Builder
	switch f.Scalar {
	case ir.Int:
		fmt.Fprintf(&b, "field.Int64(%q)", f.Column)
	case ir.Float:
		fmt.Fprintf(&b, "field.Float(%q)", f.Column)
	case ir.Boolean:
		fmt.Fprintf(&b, "field.Bool(%q)", f.Column)
	case ir.DateTime:
		fmt.Fprintf(&b, "field.Time(%q)", f.Column)
	case ir.Date:
		fmt.Fprintf(&b, `field.Time(%q).SchemaType(map[string]string{dialect.Postgres: "date"})`, f.Column)
	case ir.Decimal:
		fmt.Fprintf(&b, "field.Int64(%q)", f.Column)
	case ir.JSON:
		fmt.Fprintf(&b, "field.JSON(%q, json.RawMessage{})", f.Column)
	case ir.EnumScalar:
		fmt.Fprintf(&b, "field.Enum(%q).Values(", f.Column)
		for i, v := range f.Enum.Values {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(strconv.Quote(v.Name))
		}
		b.WriteString(")")
	case ir.UUID:
		fmt.Fprintf(&b, "field.UUID(%q, uuid.UUID{})", f.Column)
	default:
		fmt.Fprintf(&b, "field.Text(%q)", f.Column)
	}
	if !f.Type.NonNull {
		b.WriteString(".Optional()")
		if f.Scalar != ir.JSON {
			b.WriteString(".Nillable()")
		}
	}
	if f.Default != nil {
		d, err := entDefault(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, ".Default(%s)", d)
	}
	// A personal field stays changeable in storage: rectification (GDPR Art. 16) and erasure (Art. 17) reach what the API
	// sets only once.
	if f.Immutable && f.Pii == nil {
		b.WriteString(".Immutable()")
	}
	if f.Pii != nil {
		b.WriteString(".StructTag(`json:\"-\"`)")
	}
	return b.String(), nil
}

// entDefault renders @default for Go; Ent also makes constants the column's default.
func entDefault(f *ir.Field) (string, error) {
	v := *f.Default
	switch f.Scalar {
	case ir.Int, ir.Boolean, ir.Float:
		return v, nil
	case ir.DateTime:
		if v == "now" {
			return "guard.Now", nil
		}
		return fmt.Sprintf("guard.At(%q)", v), nil
	case ir.Date:
		if v == "now" {
			return "guard.Today", nil
		}
		return fmt.Sprintf("guard.At(%q)", v), nil
	case ir.Decimal:
		n, err := tenThousandths(v)
		return strconv.FormatInt(n, 10), err
	case ir.JSON:
		return fmt.Sprintf("json.RawMessage(%q)", v), nil
	default:
		return strconv.Quote(v), nil
	}
}

// tenThousandths is a Decimal's storage form, exactly.
func tenThousandths(text string) (int64, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("default %q is not a decimal number", text)
	}
	r.Mul(r, big.NewRat(10_000, 1))
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, fmt.Errorf("default %q has more than four decimal places or is too large", text)
	}
	return r.Num().Int64(), nil
}

// entKey renders the column of a to-one edge.
func entKey(f *ir.Field) string {
	s := fmt.Sprintf("field.UUID(%q, uuid.UUID{})", f.Column)
	if !f.Type.NonNull {
		s += ".Optional().Nillable()"
	}
	if f.Immutable {
		s += ".Immutable()"
	}
	return s
}

func entEdge(t *ir.Type, f *ir.Field) string {
	name, target := entEdgeName(f), f.Edge.Target.Name
	s := fmt.Sprintf("edge.To(%q, %s.Type).Unique()", name, target)
	if f.Edge.Target == t {
		// Ent reads a lone unique edge to the own type as a symmetric one, like spouses. With a back-reference it is a
		// parent and its children.
		s = fmt.Sprintf("edge.To(%q, %s.Type)%s.From(%q).Unique()", name+"_of", target, entOnDelete(f), name)
	}
	s += fmt.Sprintf(".Field(%q)", f.Column)
	if f.Type.NonNull {
		s += ".Required()"
	}
	if f.Immutable {
		s += ".Immutable()"
	}
	if f.Edge.Target != t {
		s += entOnDelete(f)
	}
	return s
}

// entEdgeName must differ from the key's own name.
func entEdgeName(f *ir.Field) string { return strings.TrimSuffix(f.Column, "_id") + "_edge" }

func entOnDelete(f *ir.Field) string {
	action := map[ir.OnDelete]string{ir.Restrict: "Restrict", ir.Cascade: "Cascade", ir.SetNull: "SetNull"}[f.Edge.OnDelete]
	return fmt.Sprintf(".Annotations(entsql.OnDelete(entsql.%s))", action)
}
