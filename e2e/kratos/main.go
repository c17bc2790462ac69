// Command kratos is Ory Kratos, built from its Go module for tests and for `make up`: the identity server that the
// gateway is used with, at the version that compose.yaml names. It is a module of its own because Kratos needs lines of
// replace that would bind everybody else's build.
package main

import (
	"os"

	"github.com/ory/kratos/cmd"
)

func main() { os.Exit(cmd.Execute()) }
