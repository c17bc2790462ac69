package format_test

import (
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/format"
)

func TestParsePhone(t *testing.T) {
	for _, c := range []struct{ in, region, want string }{
		// valid: E.164
		{"+1 201-555-0123", "", "+12015550123"},
		{"+1-201-555-0123x456", "", "+12015550123;ext=456"},
		{"(201) 555-0123 ext. 456", "US", "+12015550123;ext=456"},
		{"tel +12015550123", "", ""},
		{"+12015550123;ext=456", "", "+12015550123;ext=456"},
		{"001-201-555-0123x456", "", "+12015550123;ext=456"},
		{"0049 30 1234567", "", "+49301234567"},
		{"+49 (0)30 1234567", "", "+49301234567"},
		{"030 1234567", "DE", "+49301234567"},
		{"+39 06 6982 1234", "", "+390669821234"},
		{"06 6982 1234", "IT", "+390669821234"},
		{"+81 ３ 1234 5678", "", "+81312345678"},
		// with "+", but no plan lists it: digits
		{"+1-555-0199-000", "", "+15550199000"},
		// without a country, or not valid there: as dialled
		{"229.077.5154", "", "2290775154"},
		{"043-797-5229", "NO", "0437975229"},
		{"(209)172-7124x3651", "", "2091727124;ext=3651"},
		{"001-043-797-5229", "", "0010437975229"},
		{"2967 542", "FR", "2967542"},
		{"(5) 555-4729", "MX", "55554729"},
		// no number
		{"", "", ""},
		{"n/a", "", ""},
		{"unknown", "US", ""},
		{"1234", "", ""},
		{"x123", "", ""},
		{"+0 12345678", "", ""},
		{"ada@example.com", "US", ""},
		{"1234567890123456", "", ""},
		{"+1234567890123456", "", ""},
		{"12345 or 67890", "US", ""},
		{"2024-12-15T10:00", "", ""},
		{"1-800-FLOWERS", "US", ""}, // letters are read nowhere: beside a number they are a remark
		{"030 1234567 evenings", "DE", ""},
	} {
		got, err := format.ParsePhone(c.in, c.region)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q in %q: got %q, %v, want %q", c.in, c.region, got, err, c.want)
		}
	}
}

func BenchmarkParsePhone(b *testing.B) {
	for b.Loop() {
		_, _ = format.ParsePhone("+1-201-555-0123x456", "")
	}
}
