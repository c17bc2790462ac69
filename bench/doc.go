// Package bench measures what a request costs, from the parsed document to the encoded answer, on a file of demo-like
// people. Run it with `make bench`; compare figures of one run only, as machines are noisy.
package bench
