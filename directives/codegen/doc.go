// Package codegen turns a compiled schema into the code, the API and the migrations that serve it.
//
// What is derived is derived by pure functions from ir.Schema to files: EntSchemas, API, Models. Generate is the pipeline
// around them:
//
//	graph/schema/*.graphqls → ir → ent/schema → Ent → ent/migrate → graph/api_gen.graphqls → gqlgen → graph/*_gen.go
//
// It promises:
//
//   - The same schema gives the same bytes, on every machine: no clocks, no map order, no database.
//   - Nothing is left over. Files of types that are gone are removed, so a schema can be replaced by one of another field.
//   - Migrations only ever grow, by one numbered file per change, and delete nothing unless told to.
//   - It builds while generated code is broken: the package imports neither ent nor graph nor privacy.
package codegen
