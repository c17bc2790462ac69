// Package schema holds the migrations of what replicas share in the database.
package schema

import "embed"

// FS has a directory per database.
//
//go:embed */*.sql
var FS embed.FS
