package schema

import "embed"

// FS holds the schema's sources and the demo data as they were when the program was built.
//
//go:embed *
var FS embed.FS
