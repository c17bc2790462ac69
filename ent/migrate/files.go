package migrate

import "embed"

// Files holds the versioned migrations, one directory per dialect: `sqlite` and `postgres`. They are generated from the
// schema and applied by package store. The schema.hcl beside them is the generator's memory of what they add up to.
//
//go:embed sqlite/*.sql postgres/*.sql
var Files embed.FS
