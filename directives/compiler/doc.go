// Package compiler turns annotated SDL into the compiled schema, *ir.Schema.
//
//	sources, err := compiler.LoadDir("graph/schema")
//	schema, findings := compiler.Compile(sources)
//	if len(findings) > 0 {
//		compiler.Write(os.Stderr, "text", findings, sources, true)
//	}
//
// It promises three things. A schema it accepts can be generated and served: whatever later stages need is checked here,
// where there is a line to point at. A schema it refuses is refused with every reason at once, each with file, line,
// column, the rule and what to do about it. And no input makes it panic or run for long: sources are bounded in size and
// nesting before they are parsed.
//
// Privacy by design and by default (GDPR Art. 25) is the reason for most rules: a field that nobody classified, a rule
// that cannot be enforced in SQL or a mask that would break the API's types is found before there is data. Rules lists
// them, Explain tells about one.
package compiler
