package published

import (
	"context"
	"fmt"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/noticetext"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

// Texts are the notices that people are shown, and those that a database keeps of all they were ever shown.
type Texts struct {
	client    *ent.Client
	current   map[[2]string]consent.Text // by purpose and language
	byHash    map[string]consent.Text
	languages []string
}

var _ consent.Notices = (*Texts)(nil)

// NewTexts reads the schema's texts once; others come from the database when they are asked for.
func NewTexts(s *ir.Schema, client *ent.Client) *Texts {
	t := &Texts{client: client, current: map[[2]string]consent.Text{}, byHash: map[string]consent.Text{}, languages: notice.Languages(s)}
	for _, x := range notice.Texts(s) {
		text := consent.Text(x)
		t.current[[2]string{x.Purpose, x.Language}], t.byHash[x.Hash] = text, text
	}
	return t
}

// Current returns the text of a purpose in the language that suits best, or in the schema's own where none does.
func (t *Texts) Current(p *ir.Purpose, language string) consent.Text {
	return t.current[[2]string{p.Name, notice.Best(t.languages, language)}]
}

// ByHash returns the text with that hash, whenever it was shown, or consent.ErrUnknownNotice.
func (t *Texts) ByHash(ctx context.Context, hash string) (consent.Text, error) {
	if text, ok := t.byHash[hash]; ok {
		return text, nil
	}
	kept, err := t.client.NoticeText.Query().Where(noticetext.Hash(hash)).Order(noticetext.ByFirstPublished(), noticetext.ByID()).
		First(policy.WithCapability(ctx, "notice"))
	if ent.IsNotFound(err) {
		return consent.Text{}, consent.ErrUnknownNotice
	}
	if err != nil {
		return consent.Text{}, fmt.Errorf("read a notice: %w", err)
	}
	return consent.Text{Purpose: kept.Purpose, Language: kept.Language, Version: kept.Version, Hash: kept.Hash, Body: kept.Body}, nil
}
