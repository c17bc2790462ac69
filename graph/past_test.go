package graph_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/published"
)

// rejects keeps a rejects file in memory.
type rejects struct{ bytes.Buffer }

func (*rejects) Close() error { return nil }

// bring imports a file of consents, and returns its report and rejects.
func (w *world) bring(t testing.TB, c importer.Consents, file string, dry bool) (*importer.Report, string) {
	t.Helper()
	c.Schema, c.Now = w.Schema(), w.now
	out := &rejects{}
	report, err := importer.RunConsents(t.Context(), c, w.Past(), strings.NewReader(file), importer.Options{DryRun: dry, Rejects: out})
	if err != nil {
		t.Fatal(err)
	}
	return report, out.String()
}

func TestConsentsOfThePast(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		email := importer.Consents{By: w.Schema().Type("Contact").Field("email")}
		person := func(name string) policy.Principal {
			id := w.put(t, "Contact", map[string]any{"firstName": name, "email": name + "@example.com", "lastActivityAt": today})
			return policy.Principal{ID: name, Role: "CUSTOMER", Subject: id}
		}
		ada, bea, cleo := person("ada"), person("bea"), person("cleo")
		w.put(t, "Contact", map[string]any{"firstName": "Twin", "email": "twin@example.com", "lastActivityAt": today})
		w.put(t, "Contact", map[string]any{"firstName": "Other", "email": "twin@example.com", "lastActivityAt": today})
		const file = "Email;PURPOSE;Decision;At;Method;Evidence;Text;language;expires\n" +
			"ada@example.com;marketing;give;2024-05-25;FORM;sheet 12;\"We write to you; at most weekly.\";en;\n" +
			"bea@example.com;MARKETING;WITHDRAW;2025-03-01;;;;;\n" + // from after the next row
			"bea@example.com;MARKETING;GIVE;2024-01-01;;sheet 13;;;\n" +
			"cleo@example.com;MARKETING;GIVE;2024-01-01;;sheet 14;;;2025-01-01\n" + // ran out
			"cleo@example.com;SALES;OBJECT;2024-01-01;;;;;\n"
		const bad = "Email,Purpose,Decision,At,Evidence,Method,Notice\n" +
			"ada@example.com,MARKETING,GIVE,2024-01-01,,,\n" +
			"ada@example.com,BILLING,GIVE,2024-01-01,sheet 1,,\n" +
			"ada@example.com,MOON,GIVE,2024-01-01,sheet 1,,\n" +
			"ada@example.com,MARKETING,MAYBE,2024-01-01,sheet 1,,\n" +
			"ada@example.com,MARKETING,GIVE,yesterday,sheet 1,,\n" +
			"ada@example.com,MARKETING,GIVE,2036-01-01,sheet 1,,\n" +
			"ada@example.com,MARKETING,GIVE,2024-01-01,sheet 1,,,\n" +
			"ada@example.com,MARKETING,GIVE,2024-01-01,sheet 1,SHOUT,\n" +
			"ada@example.com,PROFILING,GIVE,2024-01-01,sheet 1,,abc\n" +
			"ada@example.com,PROFILING,GIVE,2024-01-01,sheet 1,,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n" +
			"eve@example.com,MARKETING,GIVE,2024-01-01,sheet 1,,\n" +
			"twin@example.com,MARKETING,GIVE,2024-01-01,sheet 1,,\n" +
			"ada@example.com,PROFILING,GIVE,2024-06-01,sheet 2,,\n"

		if r, _ := w.bring(t, email, file, true); r.Accepted != 5 || r.Records[0].Created != 5 || w.lines(t, ada.Subject)+w.lines(t, bea.Subject)+w.lines(t, cleo.Subject) != 0 {
			t.Errorf("a dry run: %+v", r)
		}
		r, out := w.bring(t, email, file, false)
		if r.Accepted != 5 || r.Rejected != 0 || r.Records[0].Created != 5 {
			t.Fatalf("%+v\n%s", r, out)
		}
		for _, c := range []struct {
			who     policy.Principal
			purpose string
			want    said
		}{
			{ada, "MARKETING", said{Given: true, Decision: "GIVE", Method: "IMPORT", Actor: "system"}},
			{bea, "MARKETING", said{Decision: "WITHDRAW", Method: "IMPORT", Actor: "system"}},
			{cleo, "MARKETING", said{Decision: "GIVE", Method: "IMPORT", Actor: "system"}},
			{cleo, "SALES", said{Objected: true, Decision: "OBJECT", Method: "IMPORT", Actor: "system"}},
		} {
			if got := w.said(t, c.who, c.purpose); got != c.want {
				t.Errorf("%s, %s: %+v, want %+v", c.who.ID, c.purpose, got, c.want)
			}
		}
		shown := w.ask(t, ada, `{ me { consents { purpose last { at evidence notice { text language } } } } }`).ok(t)
		if !strings.Contains(shown.raw, `"at":"2024-05-25T00:00:00Z","evidence":"FORM: sheet 12","notice":{"text":"We write to you; at most weekly.","language":"en"}`) {
			t.Error(shown.raw)
		}
		// Again: nothing is added. Nor is it after a decision that was made since, which stays.
		if r, _ := w.bring(t, email, file, false); r.Records[0].Created != 0 || r.Records[0].Unchanged != 5 {
			t.Errorf("again: %+v", r)
		}
		w.ask(t, ada, `mutation { withdrawConsent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
		if r, _ := w.bring(t, email, file, false); r.Records[0].Created != 0 || w.said(t, ada, "MARKETING").Given {
			t.Errorf("after she withdrew: %+v", r)
		}
		r, out = w.bring(t, email, strings.Replace(file, "sheet 12", "sheet 99", 1), false)
		if r.Rejected != 1 || !strings.Contains(out, "of the same time or later is on record") || w.said(t, ada, "MARKETING").Given {
			t.Errorf("an older consent: %+v\n%s", r, out)
		}

		r, out = w.bring(t, email, bad, false)
		want := []string{
			"2,Evidence,ConsentEntry.evidence,", "3,Decision,ConsentEntry.decision,this purpose does not rest on consent", "4,Purpose,ConsentEntry.purpose,not a purpose",
			"5,Decision,ConsentEntry.decision,", "6,At,ConsentEntry.at,", "7,At,ConsentEntry.at,is in the future", "8,8,,the row has more fields", "9,Method,ConsentEntry.method,",
			"10,Notice,ConsentEntry.notice,", "11,Decision,ConsentEntry.decision,no notice is known", "12,Email,ConsentEntry.person,no record of this person",
			"13,Email,ConsentEntry.person,several people"}
		for _, line := range want {
			if !strings.Contains(strings.ReplaceAll("\n"+out, `"`, ""), "\n"+line) {
				t.Errorf("no %q in\n%s", line, out)
			}
		}
		if r.Accepted != 1 || r.Rejected != len(want) || !w.said(t, ada, "PROFILING").Given {
			t.Errorf("the good one among bad ones: %+v", r)
		}
		if text := r.String(); strings.Contains(text, "example.com") || strings.Contains(text, "sheet") {
			t.Error("the report repeats values:", text)
		}

		// By the ids of records, with what is the same for all rows said once.
		list := "ID,Opt-in date\n" + read.EncodeID("Contact", bea.Subject) + ",2025-04-01\n" + read.EncodeID("Contact", uuid.New()) + ",2025-04-01\nnonsense,2025-04-01\n"
		r, _ = w.bring(t, importer.Consents{Named: map[string]string{"person": "ID", "at": "opt-in  DATE"},
			Given: map[string]string{"purpose": "PROFILING", "decision": "GIVE", "evidence": "list of 2025"}}, list, false)
		if r.Accepted != 1 || r.Rejected != 2 || !w.said(t, bea, "PROFILING").Given {
			t.Errorf("by ids: %+v", r)
		}

		differences := 0
		checked, err := consent.New(w.Schema(), w.store.Dialect, published.NewTexts(w.Schema(), w.store.Client)).Verify(t.Context(), w.store.DB, w.now, func(d consent.Difference) { differences++; t.Log(d.What) }, func(consent.Checked) {})
		if err != nil || differences > 0 || checked.Lines != 8 {
			t.Errorf("the ledger differs from what reads decide by: %+v %v", checked, err)
		}
	})
}

// A file of any length is read in the same memory, and an import of many is done in reasonable time.
func TestManyConsentsOfThePast(t *testing.T) {
	w := databases(t)[0].open(t)
	const people = 200
	var file strings.Builder
	file.WriteString("person,purpose,decision,at,evidence\n")
	ids := make([]string, people)
	for i := range ids {
		id := w.put(t, "Contact", map[string]any{"firstName": "P", "email": fmt.Sprintf("p%d@example.com", i), "lastActivityAt": today})
		ids[i] = read.EncodeID("Contact", id)
	}
	for n := range 10 {
		at := time.Date(2020, 1, 1+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		for _, id := range ids {
			fmt.Fprintf(&file, "%s,MARKETING,%s,%s,sheet %d\n", id, []string{"GIVE", "WITHDRAW"}[n%2], at, n)
		}
	}
	began := time.Now()
	r, _ := w.bring(t, importer.Consents{}, file.String(), false)
	if r.Accepted != 10*people || r.Rejected != 0 {
		t.Fatalf("%+v", r)
	}
	t.Logf("%.0f rows a second", float64(r.Rows)/time.Since(began).Seconds())
}
