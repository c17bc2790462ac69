// Package format turns an input value into the value a column stores, or says what is wrong with it. It is the one door
// values come in through, whether by GraphQL, CSV or YAML, so that equal things are stored equally: an address's domain
// in lower case, a telephone number as E.164, a country as its ISO 3166-1 code, every text in NFC.
//
//	v, err := format.Parse(contact.Field("email"), " Ada@Example.COM ") // "Ada@example.com"
//
// What is stored, by scalar:
//
//	String, EnumScalar  string
//	Int                 int64, within the 32 bits of GraphQL's Int
//	Float               float64, finite
//	Boolean             bool
//	DateTime            time.Time in UTC, whole microseconds (what PostgreSQL keeps)
//	Date                time.Time, midnight UTC
//	Decimal             int64 ten-thousandths, parsed digit by digit: no float stands in between
//	JSON                the decoded value
//	UUID                uuid.UUID
//
// Parse promises that parsing what it returned changes nothing, and that an error never contains the value: errors are
// shown to clients and written to logs (GDPR Art. 5(1)(f)). Null is always accepted; whether a field may be null is for
// the writer to say.
package format
