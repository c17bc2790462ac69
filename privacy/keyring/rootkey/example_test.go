package rootkey_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "rootkey")
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "root.json")
	if err := rootkey.CreateFile(path); err != nil { // once, for a new database
		log.Panic(err)
	}
	root, err := rootkey.Open("file:" + path)
	if err != nil {
		log.Panic(err)
	}
	ctx := context.Background()
	wrapped, err := root.Wrap(ctx, []byte("a key-encryption key"), []byte("kek|7"))
	if err != nil {
		log.Panic(err)
	}
	key, err := root.Unwrap(ctx, wrapped, []byte("kek|7"))
	fmt.Printf("%s, %v\n", key, err)
	_, err = root.Unwrap(ctx, wrapped, []byte("kek|8"))
	fmt.Println(errors.Is(err, rootkey.ErrWrongKey))
	// Output:
	// a key-encryption key, <nil>
	// true
}
