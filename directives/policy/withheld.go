package policy

import (
	"fmt"
	"log/slog"
)

// withheld is what is printed instead.
const withheld = "[withheld]"

// Withheld is embedded by types that hold personal data, or what opens it. They print nothing, whatever the verb, in logs, errors
// and panics: that a value was logged by mistake is a breach that nobody notices (GDPR Art. 32).
//
// It protects a value that is printed itself, or in an exported field. Package fmt reads unexported fields of other types past all
// methods, so those hold it too; and the log prints no type that it does not know.
type Withheld struct{}

// String tells nothing.
func (Withheld) String() string { return withheld }

// GoString tells nothing.
func (Withheld) GoString() string { return withheld }

// Format tells nothing, whatever the verb.
func (Withheld) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(withheld)) }

// LogValue tells nothing.
func (Withheld) LogValue() slog.Value { return slog.StringValue(withheld) }

// MarshalJSON tells nothing.
func (Withheld) MarshalJSON() ([]byte, error) { return []byte(`"` + withheld + `"`), nil }
