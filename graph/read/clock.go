package read

import "time"

// The bounds of the years that are written with four digits, in microseconds since 1970.
const (
	microsPerDay = 24 * 3600 * 1e6
	firstMicros  = -62167219200 * 1e6 // 0000-01-01
	endMicros    = 253402300800 * 1e6 // 10000-01-01
)

// appendTime writes microseconds since 1970 as RFC 3339, as time.RFC3339Nano does, or their day alone. Every row has such
// cells, and package time takes several times as long.
func appendTime(dst []byte, micros int64, dayOnly bool) []byte {
	if micros < firstMicros || micros >= endMicros {
		layout := time.RFC3339Nano
		if dayOnly {
			layout = time.DateOnly
		}
		return time.UnixMicro(micros).UTC().AppendFormat(dst, layout)
	}
	day, rest := micros/microsPerDay, micros%microsPerDay
	if rest < 0 {
		day, rest = day-1, rest+microsPerDay
	}
	year, month, date := civil(day)
	dst = append(dst, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-',
		byte('0'+month/10), byte('0'+month%10), '-', byte('0'+date/10), byte('0'+date%10))
	if dayOnly {
		return dst
	}
	seconds, fraction := rest/1e6, rest%1e6
	hour, minute, second := seconds/3600, seconds/60%60, seconds%60
	dst = append(dst, 'T', byte('0'+hour/10), byte('0'+hour%10), ':', byte('0'+minute/10), byte('0'+minute%10), ':',
		byte('0'+second/10), byte('0'+second%10))
	if fraction > 0 {
		digits, n := [6]byte{}, 6
		for i := 5; i >= 0; i-- {
			digits[i] = byte('0' + fraction%10)
			fraction /= 10
		}
		for digits[n-1] == '0' {
			n--
		}
		dst = append(append(dst, '.'), digits[:n]...)
	}
	return append(dst, 'Z')
}

// civil is the date of a day counted from 1970-01-01, by Howard Hinnant's days algorithm (civil_from_days): eras of 400
// years that begin in March, so that the leap day comes last. The day must not lie before the year 0.
func civil(day int64) (year, month, date int64) {
	day += 719468 // from 0000-03-01
	era := day / 146097
	if day < 0 {
		era = -1 // January and February of the year 0
	}
	ofEra := day - era*146097
	yearOfEra := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/146096) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	march := (5*ofYear + 2) / 153 // months since March
	date = ofYear - (153*march+2)/5 + 1
	month = march + 3
	year = yearOfEra + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, date
}
