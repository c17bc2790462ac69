package graph

//go:generate go run ../directives/codegen/cmd/generate -root ..
