package format

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"
)

// Country returns the ISO 3166-1 alpha-2 code of a country, given as that code, as the alpha-3 code, or as a name in
// English. Names are compared without case, accents, punctuation, "the" and what stands in brackets.
//
// Of the codes ISO withdrew, those whose country has one successor give the successor's; AN, CS, SU and YU are kept,
// because who lived in a country that was divided is not known to live in one of the parts (GDPR Art. 5(1)(d)).
func Country(s string) (string, error) {
	s = strings.TrimSpace(s)
	if len(s) <= 100 {
		if code := countryCode(strings.ToUpper(s)); code != "" {
			return code, nil
		}
		name := countryKey(s)
		if code := countryNames()[name]; code != "" {
			return code, nil
		}
		if code := countryNames()[strings.TrimSuffix(name, " islands")]; code != "" && strings.HasSuffix(name, " islands") {
			return code, nil
		}
	}
	return "", fail("not a country", "an ISO 3166-1 code such as DE, or a name in English")
}

var dividedCountries = map[string]bool{"AN": true, "CS": true, "SU": true, "YU": true}

// succeeded are withdrawn codes (ISO 3166-3) with one successor, and codes in common use that ISO reserves.
var succeeded = map[string]string{"BU": "MM", "DD": "DE", "FX": "FR", "TP": "TL", "YD": "YE", "ZR": "CD", "UK": "GB", "EL": "GR"}

func countryCode(s string) string {
	if len(s) != 2 && len(s) != 3 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	if dividedCountries[s] {
		return s
	}
	if code := succeeded[s]; code != "" {
		return code
	}
	if len(s) == 3 {
		r, err := language.ParseRegion(s)
		if err != nil || r.ISO3() != s {
			return ""
		}
		s = r.String()
	}
	if len(s) == 2 && strings.Contains(assigned, " "+s+" ") {
		return s
	}
	return ""
}

// assigned are the codes ISO 3166-1 assigns. CLDR's list is no substitute: it counts reserved and withdrawn codes in.
const assigned = " AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY" +
	" BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK" +
	" FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR" +
	" IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK" +
	" ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM" +
	" PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF" +
	" TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW "

// countryNames is the English names of CLDR and the aliases below, by countryKey.
var countryNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	regions := display.English.Regions()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			if countryCode(code) != code {
				continue
			}
			if name := countryKey(regions.Name(language.MustParseRegion(code))); name != "" && names[name] == "" {
				names[name] = code
			}
		}
	}
	for code, aliases := range countryAliases {
		for alias := range strings.SplitSeq(aliases, ";") {
			names[countryKey(alias)] = code
		}
	}
	return names
})

// countryKey folds a name: "Côte d’Ivoire" and "Cote d'Ivoire", "Slovakia (Slovak Republic)" and "slovakia" are one.
func countryKey(s string) string {
	var b strings.Builder
	depth := 0
	for _, r := range norm.NFKD.String(strings.ReplaceAll(s, "&", " and ")) {
		switch {
		case r == '(' || r == '[':
			depth++
		case r == ')' || r == ']':
			depth = max(depth-1, 0)
		case depth > 0, unicode.Is(unicode.Mn, r), r == '\'', r == '’', r == '.':
		case unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteByte(' ')
		}
	}
	var words []string
	for w := range strings.FieldsSeq(b.String()) {
		switch w {
		case "the":
			continue
		case "st":
			w = "saint"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// countryAliases are names in wide use, former ones among them, that CLDR does not list.
var countryAliases = map[string]string{
	"AE": "UAE;Emirates",
	"AN": "Netherlands Antilles",
	"AX": "Aland Islands",
	"BA": "Bosnia;Bosnia Herzegovina",
	"BN": "Brunei Darussalam",
	"BO": "Bolivia, Plurinational State of;Plurinational State of Bolivia",
	"CC": "Cocos Islands;Keeling Islands",
	"CD": "DR Congo;DRC;Democratic Republic of the Congo;Congo, Democratic Republic of the;Congo, The Democratic Republic of the;Congo-Kinshasa;Zaire",
	"CG": "Congo;Republic of the Congo;Congo-Brazzaville",
	"CI": "Ivory Coast",
	"CN": "Mainland China;People's Republic of China;PR China",
	"CS": "Serbia and Montenegro",
	"CV": "Cabo Verde",
	"CZ": "Czech Republic;Czechia",
	"FK": "Falkland Islands;Malvinas",
	"FM": "Micronesia;Micronesia, Federated States of;Federated States of Micronesia",
	"GB": "UK;United Kingdom;Great Britain;Britain;England;Scotland;Wales;Northern Ireland;United Kingdom of Great Britain and Northern Ireland",
	"GM": "Gambia",
	"GS": "South Georgia;South Georgia and the South Sandwich Islands",
	"HK": "Hong Kong",
	"HM": "Heard Island and McDonald Islands;Heard and McDonald Islands",
	"IR": "Iran, Islamic Republic of;Islamic Republic of Iran",
	"KG": "Kyrgyz Republic",
	"KP": "Korea, Democratic People's Republic of;Democratic People's Republic of Korea;DPRK",
	"KR": "Korea;Korea, Republic of;Republic of Korea",
	"LA": "Lao People's Democratic Republic;Lao PDR",
	"LY": "Libyan Arab Jamahiriya",
	"MD": "Moldova, Republic of;Republic of Moldova",
	"MF": "Saint Martin",
	"MK": "Macedonia;Republic of Macedonia;North Macedonia;Macedonia, the Former Yugoslav Republic of",
	"MM": "Burma",
	"MO": "Macao;Macau",
	"NL": "Holland;The Netherlands",
	"PN": "Pitcairn",
	"PS": "Palestine;Palestinian Territory;State of Palestine;Palestinian Territory, Occupied;Palestine, State of",
	"RU": "Russian Federation",
	"SH": "Saint Helena, Ascension and Tristan da Cunha",
	"SJ": "Svalbard and Jan Mayen Islands;Svalbard",
	"SK": "Slovak Republic",
	"ST": "Sao Tome",
	"SU": "Soviet Union;USSR",
	"SX": "Sint Maarten",
	"SY": "Syrian Arab Republic",
	"SZ": "Swaziland;Eswatini",
	"TF": "French Southern and Antarctic Lands",
	"TL": "East Timor;Timor-Leste",
	"TR": "Turkey;Türkiye;Turkiye",
	"TW": "Taiwan, Province of China",
	"TZ": "Tanzania, United Republic of;United Republic of Tanzania",
	"UM": "United States Minor Outlying Islands;US Minor Outlying Islands",
	"US": "USA;U.S.A.;U.S.;United States of America;America",
	"VA": "Holy See;Vatican;Vatican City State",
	"VC": "Saint Vincent",
	"VE": "Venezuela, Bolivarian Republic of;Bolivarian Republic of Venezuela",
	"VG": "Virgin Islands, British",
	"VI": "United States Virgin Islands;Virgin Islands, U.S.;Virgin Islands",
	"VN": "Viet Nam",
	"YU": "Yugoslavia",
}
