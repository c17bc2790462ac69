package api

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// SearchValue is the value of SearchType that stands for t: `CampaignMember` → `CAMPAIGN_MEMBER`.
func SearchValue(t *ir.Type) string { return upperSnake(t.Name) }
