// Package schema holds the migrations of the keys database and of the erasure ledger.
package schema

import "embed"

// FS has a directory per database for each of the two.
//
//go:embed */*/*.sql
var FS embed.FS
