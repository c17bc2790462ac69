//go:build !unix

package rootkey

import (
	"errors"
	"io/fs"
	"os"
)

func tryLock(*os.File) (bool, error) {
	return false, errors.New("a root key in a file needs a Unix system, which keeps others from reading it: use a key service")
}

func keepOwner(*os.File, fs.FileInfo) error { return nil }
