package format

// Error says what is wrong with a value without repeating it.
type Error struct {
	Problem string // "not an e-mail address"
	Want    string // "an address such as name@example.com"; may be empty
}

// Error returns the problem and what is expected instead.
func (e *Error) Error() string {
	if e.Want == "" {
		return e.Problem
	}
	return e.Problem + ": expected " + e.Want
}

func fail(problem, want string) error { return &Error{Problem: problem, Want: want} }
