package canary

// SetLimit lowers how much is unpacked.
func SetLimit(s *Scanner, n int64) { s.limit = n }

// Hopeless is the guess from a deflate stream's first bytes.
var Hopeless = hopeless

// MaxOpen is how many compressed streams may overlap.
const MaxOpen = maxOpen
