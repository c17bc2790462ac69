package read

import (
	"reflect"

	"github.com/99designs/gqlgen/graphql"
)

// Arguments returns a field's coerced arguments in one shape: lists are []any, input objects map[string]any. gqlparser
// leaves lists it made of single values in slices of other types, and what is not recognised must not pass for "no
// condition".
func Arguments(f graphql.CollectedField, variables map[string]any) map[string]any {
	args := f.ArgumentMap(variables)
	for k, v := range args {
		args[k] = uniform(v)
	}
	return args
}

func uniform(v any) any {
	switch v := v.(type) {
	case nil, string, bool, int, int64, float64:
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = uniform(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = uniform(e)
		}
		return out
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		out := make([]any, r.Len())
		for i := range out {
			out[i] = uniform(r.Index(i).Interface())
		}
		return out
	}
	return v
}
