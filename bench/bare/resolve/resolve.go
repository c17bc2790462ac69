// Package resolve answers the questions from Ent, for both executors of bench/bare.
package resolve

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/bench/bare/ent"
	"github.com/cloakroom-crm/cloakroom/bench/bare/ent/account"
	"github.com/cloakroom-crm/cloakroom/bench/bare/ent/activity"
	"github.com/cloakroom-crm/cloakroom/bench/bare/ent/contact"
	"github.com/cloakroom-crm/cloakroom/bench/bare/model"
)

// What the nested question asks for. Ent loads edges with their parents, so the root has to know.
const (
	contactsPerAccount   = 10
	activitiesPerContact = 3
)

// Query answers the root fields.
type Query struct{ Client *ent.Client }

// Contact is one person with their account; nil if there is none.
func (q Query) Contact(ctx context.Context, id uuid.UUID) (*ent.Contact, error) {
	c, err := q.Client.Contact.Query().Where(contact.ID(id)).WithAccount().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	return c, err
}

// Contacts is a page of people with their accounts.
func (q Query) Contacts(ctx context.Context, first *int, after *uuid.UUID, where *model.ContactWhere) (*model.ContactConnection, error) {
	query := q.Client.Contact.Query()
	if where != nil {
		if where.Country != nil {
			query.Where(contact.Country(*where.Country))
		}
		if where.Region != nil {
			query.Where(contact.Region(*where.Region))
		}
	}
	all := query.Clone()
	if after != nil {
		query.Where(contact.IDGT(*after))
	}
	nodes, err := query.Order(ent.Asc(contact.FieldID)).Limit(*first).WithAccount().All(ctx)
	return &model.ContactConnection{Nodes: nodes, All: all}, err
}

// Accounts is a page of accounts with their people and what happened with them: three statements for the whole tree.
func (q Query) Accounts(ctx context.Context, first *int, where *model.AccountWhere) (*model.AccountConnection, error) {
	query := q.Client.Account.Query()
	if where != nil && where.Region != nil {
		query.Where(account.Region(*where.Region))
	}
	query.Order(ent.Asc(account.FieldID)).Limit(*first)
	query.WithContacts(func(people *ent.ContactQuery) {
		people.Modify(perParent(contact.FieldAccountID, contactsPerAccount))
		people.WithActivities(func(acts *ent.ActivityQuery) {
			acts.Modify(perParent(activity.FieldContactID, activitiesPerContact))
		})
	})
	nodes, err := query.All(ctx)
	return &model.AccountConnection{Nodes: nodes}, err
}

// ContactsByCountry counts people and averages their scores.
func (q Query) ContactsByCountry(ctx context.Context) ([]*model.CountryCount, error) {
	var out []*model.CountryCount
	err := q.Client.Contact.Query().
		Where(contact.CountryNotNil()).
		Order(ent.Asc(contact.FieldCountry)).
		GroupBy(contact.FieldCountry).
		Aggregate(ent.As(ent.Count(), "count"), ent.As(ent.Mean(contact.FieldLeadScore), "average")).
		Scan(ctx, &out)
	return out, err
}

// perParent keeps the first n rows of each parent, as entgo.io/contrib's paging of edges does.
func perParent(key string, n int) func(*sql.Selector) {
	return func(s *sql.Selector) {
		d := sql.Dialect(s.Dialect())
		with := d.With("matching").As(s.Clone()).
			With("numbered").As(d.Select("*").
			AppendSelectExprAs(sql.RowNumber().PartitionBy(key).OrderBy("id"), "row_number").
			From(d.Table("matching")))
		t := d.Table("numbered").As(s.TableName())
		*s = *d.Select(s.UnqualifiedColumns()...).From(t).Where(sql.LTE(t.C("row_number"), n)).OrderBy(t.C("id")).Prefix(with)
	}
}

// Account answers the edges of accounts.
type Account struct{}

// Contacts are those loaded with the account.
func (Account) Contacts(ctx context.Context, a *ent.Account, first *int) (*model.ContactConnection, error) {
	nodes, err := a.Edges.ContactsOrErr()
	if ent.IsNotLoaded(err) {
		nodes, err = a.QueryContacts().Order(ent.Asc(contact.FieldID)).Limit(*first).All(ctx)
	}
	return &model.ContactConnection{Nodes: nodes, All: a.QueryContacts()}, err
}

// Contact answers the edges of people.
type Contact struct{}

// Account is the one loaded with the person.
func (Contact) Account(ctx context.Context, c *ent.Contact) (*ent.Account, error) {
	a, err := c.Edges.AccountOrErr()
	if ent.IsNotLoaded(err) {
		a, err = c.QueryAccount().Only(ctx)
	}
	return a, ent.MaskNotFound(err)
}

// Activities are those loaded with the person.
func (Contact) Activities(ctx context.Context, c *ent.Contact, first *int) (*model.ActivityConnection, error) {
	nodes, err := c.Edges.ActivitiesOrErr()
	if ent.IsNotLoaded(err) {
		nodes, err = c.QueryActivities().Order(ent.Asc(activity.FieldID)).Limit(*first).All(ctx)
	}
	return &model.ActivityConnection{Nodes: nodes}, err
}

// Connection answers what pages know beside their rows.
type Connection struct{}

// TotalCount counts without the page.
func (Connection) TotalCount(ctx context.Context, c *model.ContactConnection) (int, error) {
	return c.All.Count(ctx)
}
