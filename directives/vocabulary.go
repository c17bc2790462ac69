package directives

import _ "embed"

// Vocabulary is the SDL of every directive, scalar and enum a schema may use, with a description on each argument. The
// compiler injects it; editors complete it from the copy `cloakroom vocabulary --write` publishes.
//
//go:embed directives.graphqls
var Vocabulary string

// VocabularyFile is the name diagnostics use for positions inside Vocabulary.
const VocabularyFile = "cloakroom/directives.graphqls"
