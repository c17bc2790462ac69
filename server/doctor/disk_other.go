//go:build !unix

package doctor

import "errors"

func space(string) (uint64, error) { return 0, errors.ErrUnsupported }

func writable(string) error { return nil }
