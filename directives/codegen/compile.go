package codegen

import (
	"fmt"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// DiagnosticsError is a schema that does not compile.
type DiagnosticsError struct{ Diagnostics compiler.Diagnostics }

// Error lists the diagnostics, each with its remedy on a line of its own.
func (e *DiagnosticsError) Error() string {
	lines := make([]string, 0, len(e.Diagnostics))
	for _, d := range e.Diagnostics {
		lines = append(lines, fmt.Sprintf("%s\n\t%s", d, d.Remedy))
	}
	return strings.Join(lines, "\n")
}

func compileSchema(dir string) (*ir.Schema, error) {
	sources, err := compiler.LoadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	s, diags := compiler.Compile(sources)
	if len(diags) > 0 {
		return nil, &DiagnosticsError{diags}
	}
	return s, nil
}
