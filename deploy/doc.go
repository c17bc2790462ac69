// Package deploy is what compose.yaml mounts, and the one of its files that tests use too.
package deploy

import _ "embed" // the schema

// PersonSchema is what Kratos knows of a person.
//
//go:embed kratos/person.schema.json
var PersonSchema []byte
