package graph_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// person puts a contact in, and returns the viewer that is them and the id of their record.
func (w *world) person(t *testing.T, name string) (policy.Principal, string) {
	t.Helper()
	row := w.put(t, "Contact", map[string]any{"firstName": name, "email": strings.ToLower(name) + "@example.com", "region": "EMEA"})
	return policy.Principal{ID: name, Role: "CUSTOMER", Subject: row}, read.EncodeID("Contact", row)
}

const seen = `query($id: ID!) @for(purpose: MARKETING) { contact(id: $id) { email } contacts(where: {email: {eq: "ada@example.com"}}) { totalCount } }`

func TestConsentRunsOutToTheSecond(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, id := w.person(t, "Ada")
		give := func(purpose string, until time.Time) {
			t.Helper()
			w.ask(t, ada, `mutation($p: Purpose!, $at: DateTime) { giveConsent(input: {purpose: $p, expiresAt: $at}) { entryId } }`,
				"p", purpose, "at", until.Format(time.RFC3339Nano)).ok(t)
		}
		shown := func(want bool) {
			t.Helper()
			r := w.ask(t, as("MARKETER"), seen, "id", id).ok(t)
			if got := r.at("contact.email") == "ada@example.com"; got != want {
				t.Errorf("shown: %t, want %t: %s", got, want, r.raw)
			}
			if got := r.at("contacts.totalCount") == 1.0; got != want {
				t.Errorf("found: %t, want %t: %s", got, want, r.raw)
			}
			mine := w.ask(t, ada, `{ consents { purpose given expiresAt } }`).ok(t)
			if got := strings.Contains(mine.raw, `"purpose":"MARKETING","given":true`); got != want {
				t.Errorf("told to be given: %t, want %t: %s", got, want, mine.raw)
			}
			w.proven(t)
		}
		end := today.Add(time.Hour)
		give("MARKETING", end)
		give("PROFILING", end.Add(time.Hour))
		shown(true)
		w.now = end.Add(-time.Microsecond)
		shown(true)
		w.now = end
		shown(false)
		// Of two that run out one after the other, the second still holds, and then does not.
		profiled := func(want bool) {
			t.Helper()
			if got := strings.Contains(w.ask(t, ada, `{ consents { purpose given } }`).ok(t).raw, `"purpose":"PROFILING","given":true`); got != want {
				t.Errorf("profiling: %t, want %t", got, want)
			}
		}
		profiled(true)
		// Another decision tidies up, and changes nothing else.
		w.ask(t, ada, `mutation { giveConsent(input: {purpose: ACCESSIBILITY}) { entryId } }`).ok(t)
		shown(false)
		profiled(true)
		w.now = end.Add(time.Hour)
		profiled(false)
		// Given anew without end, it has none.
		w.ask(t, ada, `mutation { giveConsent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
		w.now = end.AddDate(1, 0, 0)
		shown(true)
		if r := w.ask(t, ada, `mutation { giveConsent(input: {purpose: MARKETING, expiresAt: "2020-01-01T00:00:00Z"}) { entryId } }`); r.code() != read.CodeBadInput {
			t.Error(r.raw)
		}
	})
}

// proven fails where the privacy state of a row is not what the ledger says.
func (w *world) proven(t *testing.T) consent.Checked {
	t.Helper()
	c, err := w.VerifyConsents(context.Background(), func(d consent.Difference) { t.Errorf("%s %s: %s", d.Type, d.Subject, d.What) }, func(consent.Checked) {})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestObjection(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, id := w.person(t, "Ada")
		officer := as("PRIVACY_OFFICER")
		const q = `query @for(purpose: SALES) { contacts { totalCount } }`
		there := func(want float64) {
			t.Helper()
			if r := w.ask(t, as("SALES_MANAGER"), q).ok(t); r.at("contacts.totalCount") != want {
				t.Errorf("%s, want %v", r.raw, want)
			}
			w.proven(t)
		}
		there(1)
		w.ask(t, ada, `mutation { objectTo(input: {purpose: SALES}) { consent { objected } entry { decision method actor purpose } } }`).ok(t)
		there(0)
		overrule := `mutation($id: ID!, $p: Purpose!) { overruleObjection(input: {subject: $id, purpose: $p, grounds: "Claims pending in court.", evidence: "file 12"}) { consent { objected } } }`
		if r := w.ask(t, ada, overrule, "id", id, "p", "SALES"); r.code() != read.CodeForbidden {
			t.Error("people overrule their own objections", r.raw)
		}
		w.ask(t, officer, overrule, "id", id, "p", "SALES").ok(t)
		there(1)
		if r := w.ask(t, officer, overrule, "id", id, "p", "SALES"); r.code() != read.CodeConflict {
			t.Error("an objection was overruled that is not there", r.raw)
		}
		w.ask(t, ada, `mutation { objectTo(input: {purpose: SALES}) { entryId } }`).ok(t)
		w.ask(t, ada, `mutation { withdrawObjection(input: {purpose: SALES}) { entryId } }`).ok(t)
		there(1)
		for purpose, code := range map[string]string{"SUPPORT": read.CodeBadInput, "BILLING": read.CodeBadInput, "PROFILING": read.CodeBadInput} {
			if r := w.ask(t, ada, `mutation($p: Purpose!) { objectTo(input: {purpose: $p}) { entryId } }`, "p", purpose); r.code() != code {
				t.Errorf("%s: %s", purpose, r.raw)
			}
		}
	})
}

// GDPR Art. 21(2) and (3): whatever direct marketing rests on, an objection ends it, and nobody overrules it.
func TestObjectionToDirectMarketingIsAbsolute(t *testing.T) {
	for purpose, c := range map[string]struct {
		edits               []string
		decision, overruled string
	}{
		"MARKETING": {nil, "WITHDRAW", read.CodeBadInput},
		"SALES":     {[]string{"basis: LEGITIMATE_INTERESTS\n      bit: 0", "basis: LEGITIMATE_INTERESTS\n      directMarketing: true\n      bit: 0"}, "OBJECT", read.CodeConflict},
	} {
		w := databases(t)[0].rewritten(t, c.edits...)
		ada, id := w.person(t, "Ada")
		r := w.ask(t, ada, `mutation { objectTo(input: {purpose: `+purpose+`}) { consent { given directMarketing } entry { decision } } }`).ok(t)
		if r.at("objectTo.entry.decision") != c.decision || r.at("objectTo.consent.directMarketing") != true {
			t.Errorf("%s: %s", purpose, r.raw)
		}
		r = w.ask(t, as("PRIVACY_OFFICER"), `mutation($id: ID!) { overruleObjection(input: {subject: $id, purpose: `+purpose+`, grounds: "we want to", evidence: "1"}) { entryId } }`, "id", id)
		if r.code() != c.overruled {
			t.Errorf("%s: %s", purpose, r.raw)
		}
		w.proven(t)
	}
}

func TestRestriction(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, id := w.person(t, "Ada")
		officer := as("PRIVACY_OFFICER")
		there := func(want float64) {
			t.Helper()
			for who, purpose := range map[string]string{"SALES_MANAGER": "SALES", "SUPPORT_AGENT": "SUPPORT"} {
				if r := w.ask(t, as(who), `query @for(purpose: `+purpose+`) { contacts { totalCount } }`).ok(t); r.at("contacts.totalCount") != want {
					t.Errorf("%s: %s, want %v", who, r.raw, want)
				}
			}
			if r := w.ask(t, ada, `{ me { contacts { totalCount } } }`).ok(t); r.at("me.contacts.totalCount") != 1.0 {
				t.Error("people see their own data all the same:", r.raw)
			}
			w.proven(t)
		}
		r := w.ask(t, ada, `mutation { restrictProcessing(input: {ground: ACCURACY}) { restriction { restricted since ground informedAt } entry { ground } } }`).ok(t)
		if r.at("restrictProcessing.restriction.restricted") != true || r.at("restrictProcessing.restriction.ground") != "ACCURACY" || r.at("restrictProcessing.restriction.informedAt") != nil {
			t.Error(r.raw)
		}
		there(0)
		const lift = `mutation($id: ID!) { liftRestriction(input: {subject: $id, method: LETTER, evidence: "the address was right, file 3"}) { restriction { restricted } } }`
		if r := w.ask(t, officer, lift, "id", id); r.code() != read.CodeConflict || !strings.Contains(r.raw, "18(3)") {
			t.Error("lifted before the person was told", r.raw)
		}
		there(0)
		w.ask(t, officer, `mutation($id: ID!) { informOfLifting(input: {subject: $id, method: LETTER, evidence: "letter 9"}) { restriction { restricted informedAt } } }`, "id", id).ok(t)
		there(0)
		// A new restriction needs to be told of anew.
		w.ask(t, ada, `mutation { restrictProcessing(input: {ground: LEGAL_CLAIMS}) { entry { id } } }`).ok(t)
		if r := w.ask(t, officer, lift, "id", id); r.code() != read.CodeConflict {
			t.Error("lifted before the person was told", r.raw)
		}
		w.ask(t, officer, `mutation($id: ID!) { informOfLifting(input: {subject: $id, method: LETTER, evidence: "letter 10"}) { restriction { restricted } } }`, "id", id).ok(t)
		w.ask(t, officer, lift, "id", id).ok(t)
		there(1)
		if r := w.ask(t, officer, lift, "id", id); r.code() != read.CodeConflict {
			t.Error("lifted what is not there", r.raw)
		}
		w.ask(t, ada, `mutation { restrictProcessing(input: {ground: ACCURACY}) { entry { id } } }`).ok(t)
		w.ask(t, ada, `mutation { liftRestriction(input: {}) { restriction { restricted } } }`).ok(t) // who lifts it knows
		there(1)
	})
}

// Art. 7(1): what was shown and said on some day can be shown again, to the byte.
func TestWhatWasSaidOnThatDay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, id := w.person(t, "Ada")
		eve, _ := w.person(t, "Eve")
		notice := w.ask(t, ada, `{ consents { purpose notice { hash text } } }`).ok(t)
		var hash, body string
		for i := range notice.at("consents").([]any) {
			if notice.at(fmt.Sprintf("consents.%d.purpose", i)) == "MARKETING" {
				hash, body = notice.at(fmt.Sprintf("consents.%d.notice.hash", i)).(string), notice.at(fmt.Sprintf("consents.%d.notice.text", i)).(string)
			}
		}
		day := func(n int) time.Time { return today.AddDate(0, 0, n) }
		w.now = day(1)
		w.ask(t, ada, `mutation($n: String) { giveConsent(input: {purpose: MARKETING, notice: $n}) { entryId } }`, "n", hash).ok(t)
		w.now = day(3)
		w.ask(t, as("SUPPORT_AGENT"), `mutation($id: ID) @for(purpose: SUPPORT) { withdrawConsent(input: {subject: $id, purpose: MARKETING, method: TELEPHONE}) { entryId } }`, "id", id).ok(t)
		w.now = day(5)
		for n, want := range map[int]any{0: false, 1: true, 2: true, 3: false, 4: false} {
			r := w.ask(t, ada, `query($at: DateTime) { consents(at: $at) { purpose given last { notice { hash text } } } }`, "at", day(n).Format(time.RFC3339)).ok(t)
			for i := range r.at("consents").([]any) {
				of := fmt.Sprintf("consents.%d.", i)
				if r.at(of+"purpose") != "MARKETING" {
					continue
				}
				if r.at(of+"given") != want {
					t.Errorf("day %d: %s", n, r.raw)
				}
				if want == true && (r.at(of+"last.notice.hash") != hash || r.at(of+"last.notice.text") != body) {
					t.Errorf("day %d: other words than were shown: %s", n, r.raw)
				}
			}
		}
		r := w.ask(t, ada, `{ consentHistory(first: 1) { nodes { number decision method actor at } pageInfo { hasNextPage endCursor } } }`).ok(t)
		if r.at("consentHistory.nodes.0.decision") != "GIVE" || r.at("consentHistory.pageInfo.hasNextPage") != true {
			t.Error(r.raw)
		}
		cursor := r.at("consentHistory.pageInfo.endCursor")
		const next = `query($c: String) { consentHistory(first: 5, after: $c) { nodes { number decision method actor } pageInfo { hasNextPage hasPreviousPage } } }`
		r = w.ask(t, ada, next, "c", cursor).ok(t)
		if r.at("consentHistory.nodes.0.decision") != "WITHDRAW" || r.at("consentHistory.nodes.0.actor") != "SUPPORT_AGENT" || r.at("consentHistory.pageInfo.hasNextPage") != false {
			t.Error(r.raw)
		}
		if r := w.ask(t, eve, next, "c", cursor); r.code() != read.CodeBadCursor {
			t.Error("somebody else's cursor opens", r.raw)
		}
		for name, c := range map[string]struct {
			who  policy.Principal
			code string
		}{
			"somebody else":                {eve, read.CodeNotFound},
			"a role that does not record":  {as("SALES_MANAGER"), read.CodeForbidden},
			"a role that may":              {as("SUPPORT_AGENT"), ""},
			"a role of no such permission": {as("MARKETER"), read.CodeForbidden},
		} {
			for _, field := range []string{"consents(subject: $id) { given }", "consentHistory(subject: $id) { nodes { id } }", "restriction(subject: $id) { restricted }"} {
				purpose := map[string]string{"SALES_MANAGER": "SALES", "SUPPORT_AGENT": "SUPPORT", "MARKETER": "MARKETING", "CUSTOMER": "SELF_SERVICE"}[c.who.Role]
				if r := w.ask(t, c.who, `query($id: ID) @for(purpose: `+purpose+`) { `+field+` }`, "id", id); r.code() != c.code {
					t.Errorf("%s, %s: %s", name, field, r.raw)
				}
			}
		}
	})
}

func TestConsentIsToWhatIsShown(t *testing.T) {
	w := databases(t)[0].open(t)
	ada, _ := w.person(t, "Ada")
	for name, notice := range map[string]string{"unknown": strings.Repeat("0", 64), "no hash": "yes"} {
		if r := w.ask(t, ada, `mutation($n: String) { giveConsent(input: {purpose: MARKETING, notice: $n}) { entryId } }`, "n", notice); r.code() != read.CodeBadInput {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	// What cannot be taken away again is bounded, whoever says it.
	if r := w.ask(t, ada, `mutation($e: String) { giveConsent(input: {purpose: MARKETING, evidence: $e}) { entryId } }`, "e", strings.Repeat("x", 501)); r.code() != read.CodeBadInput {
		t.Error(r.raw)
	}
	other := w.ask(t, ada, `{ consents { purpose notice { hash } } }`).ok(t)
	if r := w.ask(t, ada, `mutation($n: String) { giveConsent(input: {purpose: MARKETING, notice: $n}) { entryId } }`, "n", other.at("consents.0.notice.hash")); r.code() != read.CodeBadInput {
		t.Error("consent to one purpose on the words of another:", r.raw)
	}
	if r := w.ask(t, ada, `query($h: String!) { noticeText(hash: $h) { purpose } none: noticeText(hash: "0") { purpose } }`, "h", other.at("consents.0.notice.hash")).ok(t); r.at("noticeText.purpose") != other.at("consents.0.purpose") || r.at("none") != nil {
		t.Error(r.raw)
	}
}

// Each kind of difference between ledger and rows is found, and none is found where there is none.
func TestVerifyFindsDifferences(t *testing.T) {
	const insert = `INSERT INTO consent_entries (id, subject_id, seq, decision, bit, at, method, actor, purpose, recorded_by, language, notice_version, notice_hash, ground, evidence)
		SELECT '01900000-0000-7000-8000-000000000000', subject_id, %d, '%s', %d, at, 'PORTAL', 'subject', '', '', '', '', '%s', '', '' FROM consent_entries WHERE seq = 1 AND decision = 'GIVE' AND bit = 3`
	for name, c := range map[string]struct{ sql, want string }{
		"nothing":                            {`SELECT 1`, ""},
		"a consent nobody gave":              {`UPDATE contacts SET privacy_state = privacy_state | 512`, "consent to ACCESSIBILITY is set"},
		"a consent that is lost":             {`UPDATE contacts SET privacy_state = privacy_state & ~8`, "consent to MARKETING is not set"},
		"an objection that is lost":          {`UPDATE contacts SET privacy_state = privacy_state & ~1`, "the objection to SALES is not set"},
		"a restriction that is lost":         {`UPDATE contacts SET privacy_state = privacy_state & 65535`, "the restriction is not set"},
		"a bit of no purpose":                {`UPDATE contacts SET privacy_state = privacy_state | 1125899906842624`, "which no purpose has"},
		"an expiry that is lost":             {`UPDATE contacts SET consent_ends = NULL`, "runs out at another moment"},
		"an expiry that is later":            {`UPDATE contacts SET consent_ends = REPLACE(consent_ends, '0}', '1}')`, "runs out at another moment"},
		"an expiry that nobody notices":      {`UPDATE contacts SET consent_until = 9223372036854775807`, "would not notice"},
		"an expiry that nobody can read":     {`UPDATE contacts SET consent_ends = '{' WHERE consent_ends IS NOT NULL`, "not written as it should be"},
		"a line that is missing":             {fmt.Sprintf(insert, 4, "WITHDRAW", 9, ""), "after line 2 of the ledger comes line 4"},
		"a text that nobody knows":           {fmt.Sprintf(insert, 3, "WITHDRAW", 9, strings.Repeat("a", 64)), "notice aaaaaaaaaaaa"},
		"a withdrawal the row does not show": {fmt.Sprintf(insert, 3, "WITHDRAW", 3, ""), "consent to MARKETING is set"},
	} {
		for _, db := range databases(t) {
			t.Run(db.name+"/"+name, func(t *testing.T) {
				w := db.open(t)
				ada, _ := w.person(t, "Ada")
				eve, _ := w.person(t, "Eve")
				w.ask(t, ada, `mutation { giveConsent(input: {purpose: MARKETING}) { entryId } objectTo(input: {purpose: SALES}) { entryId } }`).ok(t)
				w.ask(t, eve, `mutation($at: DateTime) { giveConsent(input: {purpose: PROFILING, expiresAt: $at}) { entryId } restrictProcessing(input: {ground: UNLAWFUL}) { entry { id } } }`,
					"at", today.Add(time.Hour).Format(time.RFC3339)).ok(t)
				if c := w.proven(t); c.Rows != 2 || c.Lines != 4 {
					t.Fatalf("%+v", c)
				}
				if _, err := w.store.DB.Exec(c.sql); err != nil {
					t.Fatal(err)
				}
				var found []string
				if _, err := w.VerifyConsents(t.Context(), func(d consent.Difference) { found = append(found, d.What) }, func(consent.Checked) {}); err != nil {
					t.Fatal(err)
				}
				if all := strings.Join(found, "\n"); !strings.Contains(all, c.want) || c.want == "" && all != "" {
					t.Errorf("found %q, want %q", found, c.want)
				}
				for _, who := range []policy.Principal{ada, eve} {
					if err := w.RestoreConsents(t.Context(), who.Subject); err != nil {
						t.Fatal(err)
					}
				}
				// What the ledger itself lacks, nothing brings back.
				left, err := w.VerifyConsents(t.Context(), func(d consent.Difference) { found = append(found, d.What) }, func(consent.Checked) {})
				if ledger := strings.HasPrefix(c.want, "after line") || strings.HasPrefix(c.want, "notice"); err != nil || left.Differences > 0 != ledger {
					t.Errorf("after it was restored: %+v, %v", left, err)
				}
			})
		}
	}
}

var ledgerEntries = flag.Int("consent.entries", 20_000, "lines of the ledger in TestHistoryOfAGrownLedger")

// What one person said is found at once, however much everybody said.
func TestHistoryOfAGrownLedger(t *testing.T) {
	w := databases(t)[1].open(t)
	ada, _ := w.person(t, "Ada")
	w.ask(t, ada, `mutation { giveConsent(input: {purpose: MARKETING}) { entryId } withdrawConsent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
	_, err := w.store.DB.Exec(`INSERT INTO consent_entries (id, subject_id, seq, decision, bit, at, method, actor, purpose, recorded_by, language, notice_version, notice_hash, ground, evidence)
		SELECT gen_random_uuid(), md5((n / 10)::text)::uuid, n % 10 + 1, 'GIVE', n % 10, now(), 'PORTAL', 'subject', 'MARKETING', '', 'en', '', repeat('0', 64), '', '' FROM generate_series(0, $1 - 1) AS n`, *ledgerEntries)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.DB.Exec(`VACUUM ANALYZE consent_entries`); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]string{"history": `{ consentHistory { nodes { decision at } } }`, "standing": `{ consents { given at } }`} {
		w.ask(t, ada, q).ok(t)
		var took []time.Duration
		for range 100 {
			began := time.Now()
			w.ask(t, ada, q).ok(t)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		t.Logf("%s of a ledger of %d lines: %v in the middle, %v of 100 at most", name, *ledgerEntries, took[50], took[99])
	}
	var plan string
	rows, err := w.store.DB.Query(`EXPLAIN SELECT * FROM consent_entries WHERE subject_id = $1 AND seq > 0 ORDER BY seq LIMIT 26`, ada.Subject.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan += line + "\n"
	}
	if err := rows.Err(); err != nil || !strings.Contains(plan, "consententry_subject_id_seq") || strings.Contains(plan, "Seq Scan") {
		t.Errorf("%v\n%s", err, plan)
	}
}
