package server

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Value is a setting as it is in effect.
type Value struct {
	Name      string `json:"name"`
	Value     string `json:"value"`
	Effective string `json:"effective,omitempty"` // what follows from it, where that is something else
	From      string `json:"from"`                // the flag, the variable, the file and key, or "default"
	Secret    bool   `json:"secret,omitempty"`    // the value is not told
}

// withheld stands for what is not told.
const withheld = "[withheld]"

// Values are all settings, in the order of the table. Secrets are withheld: configurations are pasted into tickets.
func (g Gathered) Values() []Value {
	out := make([]Value, 0, len(settings))
	for _, s := range settings {
		v := Value{Name: s.name, Value: s.written(&g.Config), From: "default", Secret: s.secret}
		if s.effective != nil {
			if e := s.effective(g.Config); e != v.Value {
				v.Effective = e
			}
		}
		if g.wrong[s.name] { // whoever mistypes may have put a password there
			v.Value, v.Effective = withheld, ""
		}
		if s.secret {
			v.Value, v.Effective = redacted(v.Value), redacted(v.Effective)
		}
		if from, ok := g.from[s.name]; ok {
			v.From = from
		}
		out = append(out, v)
	}
	return out
}

// written is the value as an operator would write it.
func (s setting) written(c *Config) string {
	switch v := s.field(c).(type) {
	case *string:
		return *v
	case *[]string:
		return strings.Join(*v, ",")
	case *time.Duration:
		return v.String()
	case *int64:
		if *v > 0 && *v%(1<<10) == 0 {
			return fmt.Sprintf("%dKiB", *v>>10)
		}
		return fmt.Sprint(*v)
	case *map[string]int:
		var parts []string
		for role, points := range *v {
			parts = append(parts, fmt.Sprintf("%s=%d", role, points))
		}
		slices.Sort(parts)
		return strings.Join(parts, ",")
	case *bool:
		return fmt.Sprint(*v)
	case *int:
		return fmt.Sprint(*v)
	}
	return withheld // a type that nobody has thought about
}

// redacted tells of a secret what kind of place it names, and the path where that is all there is to it. Anything else may hold a
// password, also where none belongs.
func redacted(secret string) string {
	scheme, rest, found := strings.Cut(secret, ":")
	switch {
	case secret == "":
		return ""
	case found && (scheme == "sqlite" || scheme == "file") && !strings.ContainsAny(rest, "@?="):
		return secret
	case found && slices.Contains([]string{"postgres", "postgresql", "redis", "rediss", "hcvault", "aws-kms"}, scheme):
		return scheme + "://" + withheld
	}
	return withheld
}
