package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/schema"
)

// schemaDir is where a module keeps its schema.
const schemaDir = "graph/schema"

// loadSchema reads the schema that the arguments name: files and directories; without any, graph/schema below the working
// directory; where there is none, the schema the program was built with.
func loadSchema(args []string) ([]ir.Source, error) {
	if len(args) == 0 {
		if info, err := os.Stat(schemaDir); err == nil && info.IsDir() {
			return compiler.LoadDir(schemaDir)
		}
		sources, err := compiler.LoadFS(schema.FS)
		for i := range sources {
			sources[i].Name = path.Join(schemaDir, sources[i].Name)
		}
		return sources, err
	}
	var sources []ir.Source
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		if info.IsDir() {
			more, err := compiler.LoadDir(arg)
			if err != nil {
				return nil, err
			}
			sources = append(sources, more...)
			continue
		}
		text, err := os.ReadFile(arg)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		sources = append(sources, ir.Source{Name: filepath.ToSlash(arg), Text: string(text)})
	}
	return sources, nil
}

// moduleRoot is the nearest directory, from the working directory upwards, that has a go.mod and a schema.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		_, noModule := os.Stat(filepath.Join(dir, "go.mod"))
		_, noSchema := os.Stat(filepath.Join(dir, filepath.FromSlash(schemaDir)))
		if noModule == nil && noSchema == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("no directory from here upwards has a go.mod and a %s: go to the module, or name it with --root: %w", schemaDir, fs.ErrNotExist)
		}
	}
}
