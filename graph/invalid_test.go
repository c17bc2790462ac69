package graph

import (
	"testing"

	"github.com/vektah/gqlparser/v2/validator/rules"
)

// Every rule the validator has is told in words of ours; a rule of a newer version is noticed here.
func TestEveryRuleHasWords(t *testing.T) {
	all := rules.NewDefaultRules().GetInner()
	for name := range all {
		if wrong[name] == "" {
			t.Errorf("%s has no words", name)
		}
	}
	if len(all) < 20 {
		t.Errorf("there are only %d rules", len(all))
	}
}
