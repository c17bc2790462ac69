package compiler

import (
	"fmt"
	"go/token"
	gotypes "go/types"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/go-openapi/inflect"
	"github.com/vektah/gqlparser/v2/ast"
)

// snake is a Go name in snake case as Ent makes it: `externalId` → `external_id`, `HTTPCode` → `http_code`.
func snake(s string) string {
	var b strings.Builder
	under := 0 // where the last underscore was put
	for i := 0; i < len(s); i++ {
		r := rune(s[i])
		if unicode.IsUpper(r) && i > 0 && i < len(s)-1 {
			before, after := rune(s[i-1]), rune(s[i+1])
			if unicode.IsLower(before) || under != i-1 && unicode.IsLower(after) && unicode.IsLetter(before) {
				under = i
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// lowerCamel is a type's name as the name of a field: `CampaignMember` → `campaignMember`, `SKU` → `sku`.
func lowerCamel(s string) string {
	words := strings.Split(snake(s), "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

var inflection = inflect.NewDefaultRuleset()

// tableName is Ent's default: the plural in snake case.
func tableName(typ string) string { return snake(inflection.Pluralize(typ)) }

func singular(typ string) string { return lowerCamel(typ) }

// plural names the list of a type. A noun without a plural gets `List`, since the two root fields need two names.
func plural(typ string) string {
	if p := lowerCamel(inflection.Pluralize(typ)); p != singular(typ) {
		return p
	}
	return singular(typ) + "List"
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

var objectName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)

// reservedTypes are API types that exist in every schema.
var reservedTypes = []string{"Node", "PageInfo", "Me", "ConsentState", "ConsentEntry", "ConsentHistory", "ConsentDecision",
	"ConsentMethod", "NoticeText", "UnsubscribeLink", "RestrictionState", "RestrictionGround", "GiveConsentInput", "RequestConsentInput", "WithdrawConsentInput", "ObjectToInput",
	"WithdrawObjectionInput", "OverruleObjectionInput", "RestrictProcessingInput", "InformOfLiftingInput", "LiftRestrictionInput",
	"ConsentPayload", "RequestConsentPayload", "RestrictionPayload",
	"OrderDirection", "IDFilter", "StringFilter", "StringExactFilter", "IntFilter", "FloatFilter", "BooleanFilter", "DecimalFilter",
	"DateFilter", "DateTimeFilter", "CalendarUnit", "SearchConnection", "SearchEdge", "SearchResult", "SearchType", "ChangeKind", "ConsentChange", "Consent"}

// reservedOperations are root fields that exist in every schema.
var reservedOperations = map[string][]string{
	"Query":    {"node", "nodes", "me", "search", "consents", "consentHistory", "restriction", "noticeText", "unsubscribeLinks"},
	"Mutation": {"giveConsent", "requestConsent", "withdrawConsent", "objectTo", "withdrawObjection", "overruleObjection", "restrictProcessing", "informOfLifting", "liftRestriction"},
}

// reservedModels would not compile as an Ent model: names of Ent's generated package, of its sub-packages, of packages
// Go treats specially, and of models Cloakroom keeps itself. Compared in lower case, since Ent names packages so.
var reservedModels = strings.Fields(`aggregatefunc as asc client config count debug desc driver hook interceptor log mutatefunc
	mutation mutator op option orderfunc max mean min schema sum policy query value tx ent entql enttest migrate predicate privacy
	runtime internal intercept guard store vendor testdata main consententry constrainterror notfounderror notloadederror
	notsingularerror validationerror querier querycontext context rollbacker rollbackfunc rollbackhook committer commitfunc commithook`)

// generatedTypes are the API types made for an entity.
func generatedTypes(typ string) []string {
	return []string{typ + "Connection", typ + "Edge", typ + "Where", typ + "Order", typ + "OrderField", "Create" + typ + "Input", "Update" + typ + "Input",
		"Create" + typ + "Payload", "Update" + typ + "Payload", "Delete" + typ + "Payload", typ + "Change", typ + "Aggregate", typ + "AggregateGroup",
		typ + "AggregateSum", typ + "AggregateAvg", typ + "AggregateMin", typ + "AggregateMax"}
}

// generatedModels are the Go types Ent makes for an entity beside the entity itself.
func generatedModels(typ string) []string {
	out := make([]string, 0, 14)
	for _, suffix := range strings.Fields("Client Query Mutation Create CreateBulk Update UpdateOne Delete DeleteOne Select GroupBy Edges Func s") {
		out = append(out, typ+suffix)
	}
	return out
}

// checkNames finds type names that cannot be generated or are taken.
func (c *compiler) checkNames() {
	generated, models := map[string]string{}, map[string]string{}
	for _, d := range c.order {
		switch {
		case isEntity(d):
			for _, name := range generatedTypes(d.Name) {
				generated[name] = d.Name
			}
			for _, name := range generatedModels(d.Name) {
				models[name] = d.Name
			}
		case d.Kind == ast.Enum:
			generated[d.Name+"Filter"] = d.Name
		}
	}
	packages := map[string]string{}
	for _, d := range c.order {
		at := c.at(d.Position)
		c.checkMembers(d)
		switch of, lower := generated[d.Name], strings.ToLower(d.Name); {
		case d.Name == "Subscription":
			c.report(ruleUnsupported, at, "subscriptions cannot be declared", "remove the type")
		case isRoot(d.Name) && d.Kind != ast.Object:
			c.report(ruleReserved, at, d.Name+" is the name of a root type", "rename it")
		case isRoot(d.Name):
		case strings.HasPrefix(d.Name, "__"):
			c.report(ruleReserved, at, d.Name+" begins with two underscores, which GraphQL keeps for introspection", "rename it")
		case slices.Contains(reservedTypes, d.Name):
			c.report(ruleReserved, at, d.Name+" is a type of every generated API", "rename it, for example Record"+d.Name)
		case of != "":
			c.report(ruleReserved, at, fmt.Sprintf("%s is generated for %s", d.Name, of), "rename one of them")
		case d.Kind == ast.Object && !objectName.MatchString(d.Name):
			c.report(ruleReserved, at, fmt.Sprintf("type %s cannot be a name in Go", d.Name), "begin with a capital letter and use letters and digits only, for example "+pascal(d.Name))
		case isEntity(d) && (token.Lookup(lower).IsKeyword() || gotypes.Universe.Lookup(lower) != nil):
			c.report(ruleReserved, at, fmt.Sprintf("%s would be the Go package %q, a word of the language", d.Name, lower), "rename it, for example Record"+d.Name)
		case isEntity(d) && slices.Contains(reservedModels, lower):
			c.report(ruleReserved, at, d.Name+" is a name that storage uses itself", "rename it, for example Record"+d.Name)
		case isEntity(d) && models[d.Name] != "":
			c.report(ruleReserved, at, fmt.Sprintf("%s is also the name of a Go type that storage makes for %s", d.Name, models[d.Name]), "rename one of them")
		case isEntity(d) && packages[lower] != "":
			c.report(ruleClash, at, fmt.Sprintf("%s and %s differ only in capitals", d.Name, packages[lower]), "rename one of them")
		case isEntity(d):
			packages[lower] = d.Name
		}
	}
}

func isEntity(d *ast.Definition) bool {
	return d.Kind == ast.Object && !isRoot(d.Name) && mentioned(d.Directives, "entity")
}

func pascal(name string) string {
	var b strings.Builder
	for _, w := range strings.Split(name, "_") {
		if w != "" {
			b.WriteString(upperFirst(w))
		}
	}
	if b.Len() == 0 {
		return "Record"
	}
	return b.String()
}

// checkMembers finds names of fields and values that GraphQL keeps, and types without any.
func (c *compiler) checkMembers(d *ast.Definition) {
	for _, f := range d.Fields {
		if strings.HasPrefix(f.Name, "__") {
			c.report(ruleReserved, c.at(f.Position), fmt.Sprintf("field %s.%s begins with two underscores, which GraphQL keeps for introspection", d.Name, f.Name), "rename it")
		}
		for _, a := range f.Arguments {
			if strings.HasPrefix(a.Name, "__") {
				c.report(ruleReserved, c.at(a.Position), fmt.Sprintf("argument %s of %s.%s begins with two underscores, which GraphQL keeps for introspection", a.Name, d.Name, f.Name), "rename it")
			}
		}
	}
	for _, v := range d.EnumValues {
		if v.Name == "true" || v.Name == "false" || v.Name == "null" || strings.HasPrefix(v.Name, "__") {
			c.report(ruleReserved, c.at(v.Position), fmt.Sprintf("%s cannot be a value of enum %s", v.Name, d.Name), "rename it")
		}
	}
	members := map[ast.DefinitionKind]int{ast.Object: len(d.Fields), ast.Interface: len(d.Fields), ast.InputObject: len(d.Fields), ast.Enum: len(d.EnumValues), ast.Union: len(d.Types), ast.Scalar: 1}[d.Kind]
	if members == 0 && !isEntity(d) {
		c.report(ruleUnsupported, c.at(d.Position), fmt.Sprintf("%s %s is empty", keyword(d.Kind), d.Name), "add a member or remove it")
	}
}
