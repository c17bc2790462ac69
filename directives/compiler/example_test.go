package compiler_test

import (
	"os"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// A field that nobody classified does not compile.
func ExampleCompile() {
	sources := []ir.Source{{Name: "crm.graphqls", Text: `
enum Purpose { SALES @lawful(basis: CONTRACT, bit: 0, notice: "We sell.") }
enum Role { REP @clearance(categories: [IDENTITY], purposes: [SALES]) }

type Contact @entity @subject @access(roles: [REP]) {
  nickname: String
}
`}}
	_, findings := compiler.Compile(sources)
	_ = compiler.Write(os.Stdout, "text", findings, sources, false)
	// Output:
	// crm.graphqls:6:3: CLK030 Contact.nickname is not classified, and Contact leads to people
	//     6 |   nickname: String
	//       |   ^^^^^^^^
	//       = add @pii(category: …) if it says something about a person, else @public(because: "…")
}
