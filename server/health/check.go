package health

import "context"

// Check looks at one thing that answers depend on.
type Check struct {
	Name string // one word: database, keys, redis, kratos
	// Look reports how it is. With an error, words say for anybody what is wrong; without, what is missing from the answers, if
	// anything. The error goes to the log.
	Look func(ctx context.Context) (words string, err error)
	// Tolerated says that operations are answered without it, and words what is missing then. The zero value is the careful one:
	// a server that lacks it takes no traffic.
	Tolerated bool
}

// State is how something is.
type State string

// The states, from good to bad.
const (
	Up       State = "up"
	Degraded State = "degraded" // operations are answered, and something is missing
	Down     State = "down"
)

// Component is what a check found.
type Component struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Words string `json:"why,omitempty"`
}

// Report is what all checks found.
type Report struct {
	State      State       `json:"state"`
	Components []Component `json:"components"`
}

// Ready reports whether operations are answered.
func (r Report) Ready() bool { return r.State == Up || r.State == Degraded }

// Why are the words of what is not as it should be: of what keeps operations from being answered, if anything does.
func (r Report) Why() string {
	words := ""
	for _, c := range r.Components {
		if c.State != r.State || r.State == Up || c.Words == "" {
			continue
		}
		if words != "" {
			words += "; "
		}
		words += c.Words
	}
	return words
}

// String is the report in one sentence.
func (r Report) String() string {
	switch {
	case !r.Ready():
		return "not ready: " + r.Why()
	case r.State == Degraded:
		return "ready, but " + r.Why()
	}
	return "ready"
}
