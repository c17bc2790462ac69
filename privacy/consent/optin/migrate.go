package optin

import (
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin/schema"
)

// Table holds the requests, with the person's number in subject_id: the rows of whoever is erased go from it.
const Table = "consent_requests"

// Tables are the migrations of what people are asked by mail.
var Tables = store.Beside{Files: schema.FS, Versions: "consent_requests_version", What: "what people are asked by mail", Dir: "opt-in"}
