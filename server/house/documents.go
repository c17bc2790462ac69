package house

import (
	"fmt"

	"github.com/cloakroom-crm/cloakroom/server/shared"
)

// Manifest reads a manifest and checks each of its documents as the API will: the entries that may be registered, and
// everything that is wrong, each with the id and the place in the text. Purpose is that of documents which declare none.
func (h *House) Manifest(raw []byte, purpose string) (entries []shared.Entry, faults []string, err error) {
	all, err := shared.ParseManifest(raw)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range all {
		declared := e.Purpose
		c, errs := h.Gateway.Check(e.Text, declared)
		if declared == "" && c.Purpose == "" && purpose != "" {
			c, errs = h.Gateway.Check(e.Text, purpose)
		}
		for _, f := range errs {
			where := e.ID
			if len(f.Locations) > 0 {
				where += fmt.Sprintf(":%d:%d", f.Locations[0].Line, f.Locations[0].Column)
			}
			faults = append(faults, where+": "+f.Message)
		}
		if len(errs) > 0 {
			continue
		}
		e.Purpose = c.Purpose
		if e.Name == "" {
			e.Name = c.Name
		}
		entries = append(entries, e)
	}
	return entries, faults, nil
}
