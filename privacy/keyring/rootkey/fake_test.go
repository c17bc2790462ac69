package rootkey

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// gcm is a key of the fakes.
func gcm() cipher.AEAD {
	k := make([]byte, 32)
	_, _ = rand.Read(k) // never fails
	b, err := aes.NewCipher(k)
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCMWithRandomNonce(b)
	if err != nil {
		panic(err)
	}
	return a
}

// serve starts a server that stops by itself, requests that hang included.
func serve(t *testing.T, tls bool, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.TimeoutHandler(h, 20*time.Second, ""))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are what a test is about
	s.Config.ReadTimeout = 20 * time.Second
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// clearEnv hides the variables of whoever runs the tests.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		for _, p := range []string{"VAULT_", "BAO_", "AWS_"} {
			if strings.HasPrefix(name, p) {
				t.Setenv(name, "")
			}
		}
	}
}

// transit is the part of Vault's transit engine we use: its paths, statuses and words.
type transit struct {
	mu       sync.Mutex
	keys     map[string][]cipher.AEAD // versions, by name
	min      int                      // min_decryption_version
	token    string
	ns       string
	policy   map[string]bool // "encrypt", "decrypt"; nil: both
	oldest   bool            // a server that does not know associated_data
	keyType  string          // "" is aes256-gcm96
	requests []string
}

func newTransit(names ...string) *transit {
	tr := &transit{keys: map[string][]cipher.AEAD{}, token: "t0ken"}
	for _, n := range names {
		tr.keys[n] = []cipher.AEAD{gcm()}
	}
	return tr
}

func (tr *transit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	fail := func(status int, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{text}})
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/v1/transit/")
	verb, name, _ := strings.Cut(rest, "/")
	tr.requests = append(tr.requests, verb)
	switch {
	case r.Method != http.MethodPut || r.Header.Get("X-Vault-Request") != "true":
		fail(405, "unsupported operation")
		return
	case r.Header.Get("X-Vault-Token") != tr.token || r.Header.Get("X-Vault-Namespace") != tr.ns:
		fail(403, "permission denied")
		return
	case !ok:
		fail(404, fmt.Sprintf("no handler for route %q. route entry not found.", r.URL.Path))
		return
	case tr.policy != nil && !tr.policy[verb], verb == "encrypt" && tr.keys[name] == nil: // no "create"
		fail(403, "1 error occurred:\n\t* permission denied\n\n")
		return
	}
	var in struct {
		Plaintext, Ciphertext string
		AD                    string `json:"associated_data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fail(400, "failed to parse JSON input")
		return
	}
	versions := tr.keys[name]
	if versions == nil {
		fail(400, "encryption key not found")
		return
	}
	ad, err := base64.StdEncoding.DecodeString(in.AD)
	if err != nil {
		fail(400, "illegal base64 data")
		return
	}
	if tr.keyType != "" && len(ad) > 0 {
		fail(400, "'[0].associated_data' provided for non-AEAD cipher suite "+tr.keyType)
		return
	}
	if tr.oldest {
		ad = nil
	}
	data := map[string]any{}
	switch verb {
	case "encrypt":
		plain, err := base64.StdEncoding.DecodeString(in.Plaintext)
		if err != nil {
			fail(400, "illegal base64 data")
			return
		}
		v := len(versions)
		data["ciphertext"] = fmt.Sprintf("vault:v%d:%s", v, base64.StdEncoding.EncodeToString(versions[v-1].Seal(nil, nil, plain, ad)))
		data["key_version"] = v
	case "decrypt":
		parts := strings.SplitN(in.Ciphertext, ":", 3)
		if len(parts) != 3 || parts[0] != "vault" {
			fail(400, "invalid ciphertext: no prefix")
			return
		}
		v, err := strconv.Atoi(strings.TrimPrefix(parts[1], "v"))
		switch {
		case err != nil:
			fail(400, "invalid ciphertext: version number could not be decoded")
			return
		case v > len(versions):
			fail(400, "invalid ciphertext: version is too new")
			return
		case v < tr.min:
			fail(400, "ciphertext or signature version is disallowed by policy (too old)")
			return
		}
		sealed, err := base64.StdEncoding.DecodeString(parts[2])
		if err != nil {
			fail(400, "invalid ciphertext: could not decode base64")
			return
		}
		plain, err := versions[v-1].Open(nil, nil, sealed, ad)
		if err != nil {
			fail(400, err.Error())
			return
		}
		data["plaintext"] = base64.StdEncoding.EncodeToString(plain)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "r", "data": data})
}

// startTransit serves tr and returns the URI of the key named.
func startTransit(t *testing.T, tr http.Handler, name string) string {
	t.Helper()
	clearEnv(t)
	t.Setenv("VAULT_TOKEN", "t0ken")
	s := serve(t, false, tr)
	return "hcvault+http://" + s.Listener.Addr().String() + "/transit/keys/" + name
}

// kmsFake is the part of AWS KMS we use: its JSON protocol.
type kmsFake struct {
	mu       sync.Mutex
	keys     map[string]cipher.AEAD // by ARN
	fail     map[string]string      // an error code, by action
	contexts []map[string]string    // of the requests
	auth     []string
}

func (k *kmsFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Requestid", "01234567-89ab-cdef-0123-456789abcdef")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	fail := func(code string) {
		answer(400, map[string]string{"__type": code, "message": "what the service says"})
	}
	action, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	if r.Method != http.MethodPost || r.URL.Path != "/" || !ok {
		fail("UnknownOperationException")
		return
	}
	k.auth = append(k.auth, r.Header.Get("Authorization"))
	var in struct {
		KeyID                     string `json:"KeyId"`
		Plaintext, CiphertextBlob []byte
		EncryptionContext         map[string]string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fail("SerializationException")
		return
	}
	k.contexts = append(k.contexts, in.EncryptionContext)
	if code := k.fail[action]; code != "" {
		fail(code)
		return
	}
	key := k.keys[in.KeyID]
	if key == nil {
		fail("NotFoundException")
		return
	}
	ad, _ := json.Marshal(in.EncryptionContext) // sorted by name
	switch action {
	case "Encrypt":
		blob := append([]byte(in.KeyID+"\n"), key.Seal(nil, nil, in.Plaintext, ad)...)
		answer(200, map[string]any{"KeyId": in.KeyID, "CiphertextBlob": blob, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	case "Decrypt":
		by, sealed, ok := bytes.Cut(in.CiphertextBlob, []byte("\n"))
		if ok && string(by) != in.KeyID && k.keys[string(by)] != nil {
			fail("IncorrectKeyException")
			return
		}
		plain, err := key.Open(nil, nil, sealed, ad)
		if !ok || err != nil {
			fail("InvalidCiphertextException")
			return
		}
		answer(200, map[string]any{"KeyId": in.KeyID, "Plaintext": plain, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	default:
		fail("UnknownOperationException")
	}
}

const arnPrefix = "arn:aws:kms:eu-central-1:111122223333:key/"

func newKMS(ids ...string) *kmsFake {
	k := &kmsFake{keys: map[string]cipher.AEAD{}, fail: map[string]string{}}
	for _, id := range ids {
		k.keys[arnPrefix+id] = gcm()
	}
	return k
}

// startKMS serves k and returns the URI of the key named.
func startKMS(t *testing.T, k http.Handler, id string) string {
	t.Helper()
	awsEnv(t)
	t.Setenv("AWS_ENDPOINT_URL_KMS", serve(t, false, k).URL)
	return awsPrefix + arnPrefix + id
}

func awsEnv(t *testing.T) {
	t.Helper()
	clearEnv(t)
	for name, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"),
	} {
		t.Setenv(name, v)
	}
}
