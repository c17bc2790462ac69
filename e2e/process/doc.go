// Package process runs the servers that tests need, and ends them however the test ends.
//
// A server is a child of the test, so its exit is seen at once. Beside it stands a shell that does nothing but hold the
// other end of a pipe: when the test process dies, by a panic, os.Exit or a kill, the kernel closes the pipe, and the shell
// ends the server by its pid and removes its directory. A clean-up in Go would not survive that.
package process
