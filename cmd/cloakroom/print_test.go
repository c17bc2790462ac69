package main

import (
	"strings"
	"testing"
)

func TestColumnsLineUp(t *testing.T) {
	var b strings.Builder
	if err := printTable(&b, [][]string{{"A", "B", "C"}, {"→→→", "", "x"}, {"y", "long one"}}); err != nil {
		t.Fatal(err)
	}
	want := "A    B         C\n→→→            x\ny    long one\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
