package format

import "golang.org/x/text/language"

// Sales regions that SalesRegion knows.
const (
	EMEA = "EMEA" // Europe, Middle East and Africa
	AMER = "AMER" // the Americas
	APAC = "APAC" // Asia and the Pacific
)

// salesAreas are areas of UN M49 by the region they are sold in; the first that contains a country decides. Western Asia
// (145) is the Middle East of EMEA, and Central Asia (143) is usually sold from there too.
var salesAreas = []struct{ area, region string }{
	{"019", AMER}, {"150", EMEA}, {"002", EMEA}, {"145", EMEA}, {"143", EMEA}, {"142", APAC}, {"009", APAC},
}

// SalesRegion returns the sales region of an ISO 3166-1 alpha-2 country, or "" where nobody sells (Antarctica).
func SalesRegion(country string) string {
	switch country {
	case "SU", "YU", "CS":
		return EMEA
	case "AN":
		return AMER
	case "AQ": // CLDR counts it to Oceania
		return ""
	}
	r, err := language.ParseRegion(country)
	if err != nil {
		return ""
	}
	for _, a := range salesAreas {
		if language.MustParseRegion(a.area).Contains(r) {
			return a.region
		}
	}
	return ""
}
