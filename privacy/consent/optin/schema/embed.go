// Package schema holds the migrations of what people are asked by mail.
package schema

import "embed"

// FS has a directory per database.
//
//go:embed */*.sql
var FS embed.FS
