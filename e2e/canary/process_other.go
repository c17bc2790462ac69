//go:build !linux

package canary

import (
	"errors"
	"fmt"
)

// Process scans the memory of another process, where the system is Linux.
func (s *Scanner) Process(pid int) ([]Hit, error) {
	return nil, fmt.Errorf("scan process %d: %w: its memory is read through /proc, which Linux has", pid, errors.ErrUnsupported)
}
