// Package schema holds the CRM's annotated schema: the files a schema developer edits, and the demo data that fits them.
//
//	purposes.graphqls   why data is processed, on which lawful basis, in the words customers read
//	roles.graphqls      who asks, and what each role is cleared for
//	*.graphqls          the records: every field classified, every type with an owner, an end and those it is for
//	demo.yaml           fictitious people to try it with
//
// It promises what the compiler proves (see directives/compiler): no personal field without a category, a purpose, a
// person it belongs to and a period after which it is gone (GDPR Art. 5(1), Art. 25). Why the lines are drawn where they
// are is told in docs/schema.md, each directive in docs/vocabulary.md.
package schema
