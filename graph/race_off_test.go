//go:build !race

package graph_test

// slower is how many times longer everything may take under the race detector.
const slower = 1
