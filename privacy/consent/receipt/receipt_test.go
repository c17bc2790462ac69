package receipt

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

var (
	update = flag.Bool("update", false, "rewrite the wanted receipts")
	ctx    = context.Background()
	made   = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	at     = time.Date(2026, 11, 30, 10, 20, 30, 123456789, time.UTC)
)

// pair is a key that is always the same.
func pair(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// keys are Keys of a test.
type keys struct {
	private ed25519.PrivateKey
	set     Set
	err     error
}

func (k keys) Signer(context.Context) (crypto.Signer, error) { return k.private, k.err }
func (k keys) VerifyKeys(context.Context) (Set, error)       { return k.set, k.err }
func one(n byte) (Set, *Issuer) {
	set := Set{{Public: pair(n).Public().(ed25519.PublicKey), Made: made}}
	return set, New(keys{private: pair(n), set: set}, schema())
}

func schema() *ir.Schema {
	marketing := &ir.Purpose{Name: "MARKETING", Desc: "Newsletters & offers.", Basis: ir.BasisConsent,
		Recipients: []*ir.Recipient{{Name: "Example Mail GmbH", As: "PROCESSOR", For: "sends our e-mails", Country: "DE"}}}
	sales := &ir.Purpose{Name: "SALES", Basis: ir.BasisLegitimateInterests}
	person := &ir.Type{Name: "Person", Entity: true, Subject: true, Table: "people"}
	last := &ir.Field{Owner: person, Name: "lastSeenAt"}
	s := &ir.Schema{Purposes: []*ir.Purpose{marketing, sales}, Types: []*ir.Type{person}}
	s.Index()
	person.Retains = []*ir.Retain{{For: ir.Period{Years: 2}, After: last, Then: "ERASE"}}
	person.Fields = []*ir.Field{last,
		{Owner: person, Name: "name", Pii: &ir.Pii{Category: "IDENTITY", Sensitivity: ir.Standard}},
		{Owner: person, Name: "email", Pii: &ir.Pii{Category: "CONTACT", Sensitivity: ir.Standard}},
		{Owner: person, Name: "faith", Pii: &ir.Pii{Category: "CONTACT", Sensitivity: ir.Special}, Purposes: ir.PurposeSet(0).With(marketing)},
		{Owner: person, Name: "salary", Pii: &ir.Pii{Category: "FINANCIAL", Sensitivity: ir.High}, Purposes: ir.PurposeSet(0).With(sales)},
		{Owner: person, Name: "guess", Pii: &ir.Pii{Category: "BEHAVIORAL"}, Purposes: ir.PurposeSet(0).With(sales), Consents: []ir.Consent{{To: marketing}},
			Retains: []*ir.Retain{{For: ir.Period{Days: 30}, After: last, Then: "ANONYMIZE"}}},
		{Owner: person, Name: "country"}}
	s.Controller = &ir.Controller{Name: "Example Ltd", Address: "1 Example Street, Dublin", Contact: "privacy@example.com", Country: "IE"}
	return s
}

func record() Record {
	return Record{Entry: uuid.UUID{0: 1, 15: 1}, Subject: uuid.UUID{0: 2, 15: 2}, Decision: "GIVE", Purpose: schema().Purposes[0], At: at,
		Method: "PORTAL", Actor: "subject", AsNow: true, Notice: Notice{Version: "2026-11", SHA256: strings.Repeat("ab", 32), Language: "en"}}
}

func issued(t testing.TB, i *Issuer, r Record) string {
	t.Helper()
	text, err := i.Sign(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The whole document, to be read. A change of it is a change of what others parse.
func TestTheDocument(t *testing.T) {
	withdrawn := record()
	withdrawn.Decision, withdrawn.AsNow, withdrawn.Expires = "WITHDRAW", false, at.AddDate(1, 0, 0)
	restricted := record()
	restricted.Decision, restricted.Purpose, restricted.Notice, restricted.Actor = "RESTRICT", nil, Notice{}, "PRIVACY_OFFICER"
	objected := record()
	objected.Decision, objected.Purpose = "OBJECT", schema().Purposes[1]
	for name, r := range map[string]Record{"given": record(), "withdrawn": withdrawn, "restricted": restricted, "objected": objected} {
		t.Run(name, func(t *testing.T) {
			set, issuer := one(1)
			if r.Purpose != nil { // of the same schema
				r.Purpose = issuer.schema.Purposes[r.Purpose.Index]
			}
			text := issued(t, issuer, r)
			p, err := Verify(text, set)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetIndent("", "  ")
			e.SetEscapeHTML(false)
			if err := e.Encode(p.Receipt); err != nil {
				t.Fatal(err)
			}
			got.WriteString("\n" + strings.Join(p.Words(), "\n") + "\n\n" + text + "\n")
			file := "testdata/" + name + ".txt"
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(want, got.Bytes()) {
				t.Errorf("%v; run with -update if this is wanted:\n%s", err, got.String())
			}
		})
	}
}

// The same line makes the same bytes, whatever the time zone and the precision it was read with.
func TestTheSameLineMakesTheSameReceipt(t *testing.T) {
	_, issuer := one(1)
	r := record()
	r.Purpose = issuer.schema.Purposes[0]
	first := issued(t, issuer, r)
	r.At = at.Truncate(time.Microsecond).In(time.FixedZone("", 3600))
	if again := issued(t, issuer, r); again != first {
		t.Errorf("%s\n%s", first, again)
	}
}

// An interoperable JWS: other software verifies it with the published set.
func TestOtherSoftwareVerifiesIt(t *testing.T) {
	set, issuer := one(1)
	published, err := set.Publish()
	if err != nil {
		t.Fatal(err)
	}
	var jwks jose.JSONWebKeySet
	if err := json.Unmarshal(published, &jwks); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(issued(t, issuer, record()), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Verify(jwks); err != nil {
		t.Error(err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	set, issuer := one(1)
	r := record()
	r.Purpose = issuer.schema.Purposes[0]
	good := issued(t, issuer, r)
	parts := strings.Split(good, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	b64 := base64.RawURLEncoding.EncodeToString
	kid := set[0].ID()
	public := b64(set[0].Public)
	// signed is any header over any payload, rightly signed with the key: only its form is wrong.
	signed := func(header string, payload []byte) string {
		head := b64([]byte(header)) + "." + b64(payload)
		return head + "." + b64(ed25519.Sign(pair(1), []byte(head)))
	}
	plain := `{"alg":"EdDSA","kid":"` + kid + `","typ":"` + kind + `"}`
	if text := signed(plain, payload); text != good {
		t.Fatalf("the cases test nothing: they are built otherwise than receipts:\n%s\n%s", text, good)
	}
	with := func(member string) string { return strings.TrimSuffix(plain, "}") + "," + member + "}" }
	hs := func(header string) string {
		head := b64([]byte(header)) + "." + parts[1]
		mac := hmac.New(sha256.New, set[0].Public)
		mac.Write([]byte(head))
		return head + "." + b64(mac.Sum(nil))
	}
	_, foreign := one(2)
	retired := Set{{Public: set[0].Public, Made: made, Retired: at.Add(-late - time.Second)}}
	swap := func(old, new string) []byte { return bytes.Replace(payload, []byte(old), []byte(new), 1) }
	for name, c := range map[string]struct {
		text string
		keys Set
		want error // nil: ErrNotGenuine
	}{
		"nothing":                   {text: ""},
		"no JWS":                    {text: "hello"},
		"two parts":                 {text: parts[0] + "." + parts[1]},
		"four parts":                {text: good + ".x"},
		"JSON serialisation":        {text: `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		"trailing data":             {text: good + "A"},
		"trailing line":             {text: good + "\n"},
		"a line break within":       {text: good[:20] + "\n" + good[20:]},
		"padding":                   {text: good + "=="},
		"other bits at the end":     {text: good[:len(good)-1] + string(good[len(good)-1]+1)},
		"a changed payload":         {text: parts[0] + "." + b64(swap("MARKETING", "PROFILING")) + "." + parts[2]},
		"no signature":              {text: parts[0] + "." + parts[1] + "."},
		"the signature of another":  {text: parts[0] + "." + parts[1] + "." + b64(make([]byte, 64))},
		"alg none":                  {text: b64([]byte(strings.Replace(plain, "EdDSA", "none", 1))) + "." + parts[1] + "."},
		"alg none, signed":          {text: signed(strings.Replace(plain, "EdDSA", "none", 1), payload)},
		"HS256 with the public key": {text: hs(strings.Replace(plain, "EdDSA", "HS256", 1))},
		"alg in small letters":      {text: signed(strings.Replace(plain, "EdDSA", "eddsa", 1), payload)},
		"no alg":                    {text: signed(`{"kid":"`+kid+`","typ":"`+kind+`"}`, payload)},
		"another typ":               {text: signed(strings.Replace(plain, kind, "JWT", 1), payload)},
		"no typ":                    {text: signed(`{"alg":"EdDSA","kid":"`+kid+`"}`, payload)},
		"a foreign key":             {text: issued(t, foreign, record())},
		"a foreign key that says ours": {text: func() string {
			h := b64([]byte(plain)) + "." + parts[1]
			return h + "." + b64(ed25519.Sign(pair(2), []byte(h)))
		}()},
		"no kid":                         {text: signed(`{"alg":"EdDSA","typ":"`+kind+`"}`, payload)},
		"an empty kid":                   {text: signed(strings.Replace(plain, kid, "", 1), payload)},
		"a key in the header":            {text: signed(with(`"jwk":{"kty":"OKP","crv":"Ed25519","x":"`+public+`"}`), payload)},
		"an address of keys":             {text: signed(with(`"jku":"https://example.com/jwks"`), payload)},
		"crit":                           {text: signed(with(`"crit":["exp"],"exp":1`), payload)},
		"b64 false":                      {text: signed(with(`"b64":false,"crit":["b64"]`), payload)},
		"alg twice":                      {text: signed(with(`"alg":"EdDSA"`), payload)},
		"Alg beside alg":                 {text: signed(with(`"Alg":"none"`), payload)},
		"data behind the header":         {text: signed(plain+" {}", payload)},
		"a header written otherwise":     {text: signed(" "+plain, payload)},
		"a header that is a list":        {text: signed(`[]`, payload)},
		"members of the document twice":  {text: signed(plain, swap(`{"schema_version"`, `{"record_id":"x","schema_version"`))},
		"an unknown member":              {text: signed(plain, swap(`{"schema_version"`, `{"admin":true,"schema_version"`))},
		"a member in capital letters":    {text: signed(plain, swap(`"event_type"`, `"Event_Type"`))},
		"data behind the document":       {text: signed(plain, append(bytes.Clone(payload), '1'))},
		"a document written otherwise":   {text: signed(plain, append(bytes.Clone(payload), ' '))},
		"a document that is none":        {text: signed(plain, []byte("hello"))},
		"no time":                        {text: signed(plain, swap(`"2026-11-30T10:20:30.123456Z"`, `"today"`))},
		"a document of a newer form":     {text: signed(plain, swap(Version, "cloakroom-consent-receipt-2")), want: ErrUnknown},
		"too long":                       {text: good + strings.Repeat("A", maxText)},
		"no keys":                        {text: good, keys: Set{}},
		"a key that was retired by then": {text: good, keys: retired},
	} {
		t.Run(name, func(t *testing.T) {
			if c.keys == nil {
				c.keys = set
			}
			if c.want == nil {
				c.want = ErrNotGenuine
			}
			if p, err := Verify(c.text, c.keys); !errors.Is(err, c.want) || p.Receipt.RecordID != "" {
				t.Errorf("got %v, %v", p, err)
			}
		})
	}
	just := Set{{Public: set[0].Public, Made: made, Retired: at.Add(-late + time.Second)}}
	for name, keys := range map[string]Set{"one key": set, "among others": {{Public: pair(2).Public().(ed25519.PublicKey)}, set[0]}, "retired a moment ago": just} {
		if _, err := Verify(good, keys); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a line must not say is refused before anything is signed.
func TestLinesThatAreNotSigned(t *testing.T) {
	_, issuer := one(1)
	for name, edit := range map[string]func(*Record){
		"no entry":             func(r *Record) { r.Entry = uuid.Nil },
		"no subject":           func(r *Record) { r.Subject = uuid.Nil },
		"no time":              func(r *Record) { r.At = time.Time{} },
		"an unknown decision":  func(r *Record) { r.Decision = "MAYBE" },
		"a name as the actor":  func(r *Record) { r.Actor = "Ada Lovelace" },
		"an address":           func(r *Record) { r.Actor = "ada@example.com" },
		"a sentence as method": func(r *Record) { r.Method = "she called from her office" },
		"a text as version":    func(r *Record) { r.Notice.Version = "for ada@example.com" },
		"another digest":       func(r *Record) { r.Notice.SHA256 = "abc" },
		"another language":     func(r *Record) { r.Notice.Language = "the Queen's English" },
	} {
		r := record()
		edit(&r)
		if text, err := issuer.Sign(ctx, r); err == nil || text != "" || strings.Contains(err.Error(), "ada") {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	away := errors.New("away")
	if text, err := New(keys{err: away}, schema()).Sign(ctx, record()); !errors.Is(err, away) || text != "" {
		t.Errorf("%s, %v", text, err)
	}
}

func TestSets(t *testing.T) {
	set := Set{{Public: pair(1).Public().(ed25519.PublicKey), Made: made}, {Public: pair(2).Public().(ed25519.PublicKey), Made: made, Retired: at.Truncate(time.Second)}}
	text, err := set.Publish()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSet(text)
	if err != nil || len(again) != 2 {
		t.Fatal(again, err)
	}
	for i := range set {
		if !again[i].Public.Equal(set[i].Public) || !again[i].Made.Equal(set[i].Made) || !again[i].Retired.Equal(set[i].Retired) {
			t.Errorf("%+v, want %+v", again[i], set[i])
		}
	}
	if bytes.Contains(text, []byte(`"d"`)) {
		t.Error("a secret half is published")
	}
	key := `{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(set[0].Public) + `"`
	for name, c := range map[string]struct {
		text string
		n    int
		bad  bool
	}{
		"empty":                 {text: `{"keys":[]}`},
		"one":                   {text: `{"keys":[` + key + `}]}`, n: 1},
		"a kid of its own":      {text: `{"keys":[` + key + `,"kid":"mine"}]}`, n: 1},
		"other kinds beside":    {text: `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},` + key + `},` + key + `,"use":"enc"}]}`, n: 1},
		"other kinds alone":     {text: `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, bad: true},
		"a secret half":         {text: `{"keys":[` + key + `,"d":"AAAA"}]}`, bad: true},
		"members twice":         {text: `{"keys":[` + key + `,"x":"AAAA"}]}`, bad: true},
		"a key of another size": {text: `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`, bad: true},
		"no set":                {text: `{}`, bad: true},
		"a list":                {text: `[]`, bad: true},
		"a page":                {text: `<html>`, bad: true},
		"data behind":           {text: `{"keys":[` + key + `}]} x`, bad: true},
	} {
		if got, err := ParseSet([]byte(c.text)); (err != nil) != c.bad || len(got) != c.n {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Whatever is done to a receipt, it is genuine as it was signed or not at all.
func FuzzVerify(f *testing.F) {
	set, issuer := one(1)
	good := issued(f, issuer, record())
	f.Add(good)
	f.Add(good + "\n")
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add("a.b.c")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + ".e30.")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Verify(text, set)
		switch {
		case err == nil && text != good:
			t.Errorf("genuine: %q", text)
		case err != nil && !errors.Is(err, ErrNotGenuine):
			t.Errorf("%v", err)
		}
	})
}

func FuzzParseSet(f *testing.F) {
	set, _ := one(1)
	text, err := set.Publish()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseSet(text)
		if err != nil {
			return
		}
		again, err := got.Publish()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseSet(again); err != nil || len(back) != len(got) {
			t.Errorf("%v, %v", back, err)
		}
	})
}
