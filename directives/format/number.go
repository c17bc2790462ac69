package format

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// DecimalPlaces is the number of decimal places a Decimal keeps; DecimalUnit is 1 in storage.
const (
	DecimalPlaces = 4
	DecimalUnit   = 10_000
)

const (
	wantInt     = "a whole number from -2147483648 to 2147483647"
	wantFloat   = "a number such as 12.5"
	wantDecimal = `a decimal number such as "1250.5", with at most four decimal places, from -922337203685477.5808 to 922337203685477.5807`
)

// integer keeps to 32 bits because GraphQL does: a larger Int could be stored but never be read back.
func integer(v any) (int64, error) {
	n, ok := int64(0), false
	switch v := v.(type) {
	case int:
		n, ok = int64(v), true
	case int32:
		n, ok = int64(v), true
	case int64:
		n, ok = v, true
	case float64:
		n, ok = int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case json.Number:
		n, ok = wholeText(v.String())
	case string:
		n, ok = wholeText(strings.TrimSpace(v))
	}
	if !ok {
		return 0, fail("not a whole number", wantInt)
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, fail("out of range", wantInt)
	}
	return n, nil
}

// wholeText reads a whole number as spreadsheets and data frames write it: "13938.0" is one.
func wholeText(s string) (int64, bool) {
	whole, frac, dotted := strings.Cut(s, ".")
	if dotted && (frac == "" || strings.Trim(frac, "0") != "") {
		return 0, false
	}
	if strings.HasPrefix(whole, "+") {
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	return n, err == nil
}

func float(v any) (float64, error) {
	n, ok := 0.0, false
	switch v := v.(type) {
	case float64:
		n, ok = v, true
	case int:
		n, ok = float64(v), true
	case int32:
		n, ok = float64(v), true
	case int64:
		n, ok = float64(v), true
	case json.Number:
		n, ok = floatText(v.String())
	case string:
		n, ok = floatText(strings.TrimSpace(v))
	}
	if !ok || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fail("not a number", wantFloat)
	}
	return n + 0, nil
}

// floatText is strconv.ParseFloat without the spellings only Go has: hexadecimal, underscores, "inf", "nan".
func floatText(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

func decimal(v any) (int64, error) {
	switch v := v.(type) {
	case int:
		return Decimal(strconv.Itoa(v))
	case int32:
		return Decimal(strconv.FormatInt(int64(v), 10))
	case int64:
		return Decimal(strconv.FormatInt(v, 10))
	case float64:
		// The shortest digits that give this float are the digits someone wrote, as long as there are few enough.
		if math.IsNaN(v) || math.IsInf(v, 0) {
			break
		}
		return Decimal(strconv.FormatFloat(v, 'f', -1, 64))
	case json.Number:
		return Decimal(v.String())
	case string:
		return Decimal(v)
	}
	return 0, fail("not a decimal number", wantDecimal)
}

// Decimal reads a decimal number as ten-thousandths, exactly: "1250.5" is 12505000. Places beyond the fourth must be
// zero; nothing is rounded, because money is not.
func Decimal(s string) (int64, error) {
	s = strings.TrimSpace(s)
	digits, negative := strings.CutPrefix(s, "-")
	whole, frac, dotted := strings.Cut(digits, ".")
	if whole == "" || dotted && frac == "" || !allDigits(whole) || !allDigits(frac) {
		return 0, fail("not a decimal number", wantDecimal)
	}
	frac = strings.TrimRight(frac, "0")
	if len(frac) > DecimalPlaces {
		return 0, fail("too many decimal places", wantDecimal)
	}
	frac += strings.Repeat("0", DecimalPlaces-len(frac))
	sign := ""
	if negative {
		sign = "-"
	}
	n, err := strconv.ParseInt(sign+whole+frac, 10, 64)
	if err != nil {
		return 0, fail("out of range", wantDecimal)
	}
	return n, nil
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
