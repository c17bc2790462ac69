package identity

import (
	"fmt"
	"sort"
	"strings"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Person describes a principal in the words of a command line: `--role ROLE --attr k=v… --subject ID`. A name given twice
// is a list. The identity behind it is named after the words, so that the same words are the same viewer.
func Person(role string, attrs []string, subject uuid.UUID) (policy.Principal, error) {
	p := policy.Principal{Role: role, Subject: subject, Attrs: map[string]any{}, AAL: 1}
	if role == "" {
		return p, fmt.Errorf("a role is needed, for example --role SALES_REP")
	}
	for _, a := range attrs {
		name, value, found := strings.Cut(a, "=")
		if !found || name == "" {
			return p, fmt.Errorf("an attribute is written name=value, for example --attr region=EMEA")
		}
		switch name {
		case "id", "role", "subject":
			return p, fmt.Errorf("viewer.%s is built in and not an attribute", name)
		}
		switch have := p.Attrs[name].(type) {
		case nil:
			p.Attrs[name] = value
		case string:
			p.Attrs[name] = []any{have, value}
		case []any:
			p.Attrs[name] = append(have, value)
		}
	}
	p.ID = name(p, attrs)
	return p, nil
}

func name(p policy.Principal, attrs []string) string {
	if p.IsSubject() {
		return "dev:" + p.Subject.String()
	}
	sorted := append([]string(nil), attrs...)
	sort.Strings(sorted)
	return strings.Join(append([]string{"dev:" + p.Role}, sorted...), "|")
}
