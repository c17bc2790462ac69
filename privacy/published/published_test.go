package published_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/ent/noticetext"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
	"github.com/cloakroom-crm/cloakroom/privacy/published"
)

var day = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// databases runs a test on each of them.
func databases(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "data.db") },
		"postgres": func(t *testing.T) string { return postgres.Start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), url(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			test(t, s)
		})
	}
}

func shop(t *testing.T, replace ...string) *ir.Schema {
	t.Helper()
	text, err := os.ReadFile("../notice/testdata/shop.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	s, found := compiler.Compile([]ir.Source{{Name: "shop.graphqls", Text: strings.NewReplacer(replace...).Replace(string(text))}})
	if len(found) > 0 {
		t.Fatal(found)
	}
	return s
}

func rows(t *testing.T, s *store.Store) (texts, purposes int) {
	t.Helper()
	ctx := policy.WithCapability(t.Context(), "notice")
	texts, err := s.Client.NoticeText.Query().Count(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if purposes, err = s.Client.PublishedPurpose.Query().Count(ctx); err != nil {
		t.Fatal(err)
	}
	return texts, purposes
}

// Replicas start together, again and again: each text and each meaning is kept once.
func TestReplicasPublishAtOnce(t *testing.T) {
	databases(t, func(t *testing.T, s *store.Store) {
		schema := shop(t)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := published.Publish(t.Context(), s, schema, day); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if texts, purposes := rows(t, s); texts != len(notice.Texts(schema)) || purposes != len(notice.Current(schema)) {
			t.Errorf("%d texts and %d purposes are kept", texts, purposes)
		}
	})
}

// What somebody saw on that day is there byte by byte after the schema has moved on.
func TestTextsOutliveTheSchema(t *testing.T) {
	databases(t, func(t *testing.T, s *store.Store) {
		old, now := shop(t), shop(t, "If you agree, we write to you.", "If you agree, we write letters to you.")
		for _, schema := range []*ir.Schema{old, now, old} {
			if err := published.Publish(t.Context(), s, schema, day); err != nil {
				t.Fatal(err)
			}
		}
		ctx := policy.WithCapability(t.Context(), "notice")
		for _, x := range append(notice.Texts(old), notice.Texts(now)...) {
			kept, err := s.Client.NoticeText.Query().Where(noticetext.Hash(x.Hash)).Only(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got := (notice.Text{Purpose: kept.Purpose, Language: kept.Language, Version: kept.Version, Hash: kept.Hash, Body: kept.Body}); got != x {
				t.Errorf("kept %+v, published %+v", got, x)
			}
			if !kept.FirstPublished.Equal(day) {
				t.Errorf("published on %s", kept.FirstPublished)
			}
		}
	})
}

// The ledger asks for what holds now, and for what somebody saw long ago.
func TestTextsForTheLedger(t *testing.T) {
	databases(t, func(t *testing.T, s *store.Store) {
		old, now := shop(t), shop(t, "If you agree, we write to you.", "If you agree, we write letters to you.")
		for _, schema := range []*ir.Schema{old, now} {
			if err := published.Publish(t.Context(), s, schema, day); err != nil {
				t.Fatal(err)
			}
		}
		texts := published.NewTexts(now, s.Client)
		for wish, language := range map[string]string{"": "en", "de": "de", "de-CH": "de", "en-GB": "en", "ja": "en", "nonsense!": "en"} {
			want, err := notice.Of(now, now.Purpose("NEWS"), language)
			if err != nil {
				t.Fatal(err)
			}
			if got := texts.Current(now.Purpose("NEWS"), wish); notice.Text(got) != want {
				t.Errorf("in %q: %+v", wish, got)
			}
		}
		for _, want := range append(notice.Texts(old), notice.Texts(now)...) {
			if got, err := texts.ByHash(t.Context(), want.Hash); err != nil || notice.Text(got) != want {
				t.Errorf("%s in %s: %+v, %v", want.Purpose, want.Language, got, err)
			}
		}
		if _, err := texts.ByHash(t.Context(), strings.Repeat("0", 64)); !errors.Is(err, consent.ErrUnknownNotice) {
			t.Errorf("nobody ever saw it: %v", err)
		}
	})
}

func TestWiderIsRefused(t *testing.T) {
	databases(t, func(t *testing.T, s *store.Store) {
		if err := published.Publish(t.Context(), s, shop(t), day); err != nil {
			t.Fatal(err)
		}
		texts, purposes := rows(t, s)
		wider := shop(t, `country: "US"`, `country: "IN"`)
		var refused *published.RefusedError
		if err := published.Publish(t.Context(), s, wider, day); !errors.As(err, &refused) || !strings.Contains(err.Error(), "Print <Co> in IN receives the data") || !strings.Contains(err.Error(), "bit: 0") {
			t.Errorf("it is published: %v", err)
		}
		if found, err := published.Refusals(t.Context(), s, wider); err != nil || len(found) != 1 || found[0].Purpose != "NEWS" {
			t.Errorf("found %v, %v", found, err)
		}
		if a, b := rows(t, s); a != texts || b != purposes {
			t.Errorf("a refused schema left %d texts and %d purposes, there were %d and %d", a, b, texts, purposes)
		}
		anew := shop(t, `country: "US"`, `country: "IN"`, "bit: 1,", "bit: 4,")
		if err := published.Publish(t.Context(), s, anew, day.Add(time.Hour)); err != nil {
			t.Errorf("under a new number it is another question: %v", err)
		}
		if err := published.Publish(t.Context(), s, shop(t), day.Add(2*time.Hour)); !errors.As(err, &refused) || !strings.Contains(err.Error(), "left bit 1 for bit 4") {
			t.Errorf("the old number comes back, with the answers of those who withdrew under the new one: %v", err)
		}
	})
}

// The database itself keeps what people were told, whoever asks it to forget.
func TestTheDatabaseForgetsNothing(t *testing.T) {
	databases(t, func(t *testing.T, s *store.Store) {
		if err := published.Publish(t.Context(), s, shop(t), day); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{`UPDATE notice_texts SET body = 'other'`, `DELETE FROM notice_texts`, `UPDATE published_purposes SET bit = 0`, `DELETE FROM published_purposes`} {
			if _, err := s.DB.ExecContext(context.WithoutCancel(t.Context()), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}

// A database from before there was anything to publish is not one that refuses.
func TestAnEmptyDatabaseRefusesNothing(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if found, err := published.Refusals(t.Context(), s, shop(t)); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
}
