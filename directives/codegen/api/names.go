package api

import (
	"strings"
	"unicode"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Connection is the name of a page of t.
func Connection(t *ir.Type) string { return t.Name + "Connection" }

// Edge is the name of one item of a page of t.
func Edge(t *ir.Type) string { return t.Name + "Edge" }

// Where is the name of t's filter input.
func Where(t *ir.Type) string { return t.Name + "Where" }

// Order is the name of t's sort input.
func Order(t *ir.Type) string { return t.Name + "Order" }

// OrderField is the name of the enum of t's sortable fields.
func OrderField(t *ir.Type) string { return t.Name + "OrderField" }

// Mutation names, with their inputs and payloads.
func CreateField(t *ir.Type) string   { return "create" + t.Name }
func UpdateField(t *ir.Type) string   { return "update" + t.Name }
func DeleteField(t *ir.Type) string   { return "delete" + t.Name }
func CreateInput(t *ir.Type) string   { return "Create" + t.Name + "Input" }
func UpdateInput(t *ir.Type) string   { return "Update" + t.Name + "Input" }
func CreatePayload(t *ir.Type) string { return "Create" + t.Name + "Payload" }
func UpdatePayload(t *ir.Type) string { return "Update" + t.Name + "Payload" }
func DeletePayload(t *ir.Type) string { return "Delete" + t.Name + "Payload" }

// ChangedField is the subscription that tells of rows of t, Change what it tells.
func ChangedField(t *ir.Type) string { return t.Singular + "Changed" }
func Change(t *ir.Type) string       { return t.Name + "Change" }

// InputName is the name under which inputs take f: a column's own, a key's with `Id` at the end.
func InputName(f *ir.Field) string {
	if f.Kind == ir.ToOne {
		return f.Name + "Id"
	}
	return f.Name
}

// OrderValue is the value of OrderField that sorts by f: `lastName` → `LAST_NAME`.
func OrderValue(f *ir.Field) string { return upperSnake(f.Name) }

func upperSnake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		startsWord := i > 0 && unicode.IsUpper(r) &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if startsWord && runes[i-1] != '_' {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}
