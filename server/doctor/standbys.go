package doctor

import (
	"context"
	"fmt"

	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// standbys sees whether those that are to answer queries are standbys of the database.
func (p *patient) standbys(ctx context.Context, tell teller) {
	const name = "read replicas"
	if len(p.house.Standbys) == 0 {
		tell(name, Skip, "there are none: every query is answered by the database itself", "")
		return
	}
	primary, _, err := cluster(ctx, p.house.Database)
	if err != nil {
		tell(name, Skip, "the database that they are about cannot be looked into", "")
		return
	}
	for i, url := range p.house.Standbys {
		is, replica, err := cluster(ctx, url)
		switch one := fmt.Sprintf("number %d", i+1); {
		case err != nil:
			tell(name, Warn, one+" does not answer: what it would read is read at the primary", "see that it runs and lets us in: "+err.Error())
		case is != primary:
			tell(name, Fail, one+" is no copy of the database", "name standbys of the server in the setting `database`")
		case !replica:
			tell(name, Warn, one+" is a primary: it answers nothing as a read replica", "take it out of the setting `read-replicas`; name it in `database`, if it is to be written to")
		}
	}
	tell(name, OK, fmt.Sprintf("%d, and all are standbys of the database", len(p.house.Standbys)), "")
}

// cluster is which data a server has, and whether it is a standby.
func cluster(ctx context.Context, url string) (id string, replica bool, err error) {
	s, err := store.Look(ctx, url)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = s.Close() }()
	err = s.DB.QueryRowContext(ctx, `SELECT (SELECT system_identifier::text FROM pg_control_system()), pg_is_in_recovery()`).Scan(&id, &replica)
	return id, replica, err
}
