// Package rootkey reaches the root key: the key in a key service that wraps our key-encryption keys. Below those lie the
// data keys, one per person, and below these the sealed cells (GDPR Art. 32(1)(a)). So the root is asked seldom, at start
// and at rotation, and whoever holds a copy of our databases but not the root holds nothing that can be read.
//
// A root is named by a URI:
//
//	file:/etc/cloakroom/root.json                        a Tink keyset in a file
//	hcvault://vault.example.com:8200/transit/keys/crm    the transit engine of HashiCorp Vault or OpenBao
//	aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
//
//	root, err := rootkey.Open(uri)
//	wrapped, err := root.Wrap(ctx, kek, []byte("kek|7"))
//	kek, err := root.Unwrap(ctx, wrapped, []byte("kek|7"))
//
// # What every root promises
//
// A wrapped key opens only with the associated data it was wrapped with, so that a row put in another's place is refused
// (ErrWrongKey). Wrapping and unwrapping end when the context does, and after ten seconds at the latest. URIs hold no
// credentials: a URI that does is refused, without being repeated in the error. No error holds key material or what a
// service answered word for word, since some proxies answer with the request.
//
// # file
//
// The key is as safe as the file: it belongs in a backup of its own, away from those of the databases. A file others can
// read is refused. It is read anew for each call, so a rotation by another process is seen at once, and the key does not
// lie in memory in between. CreateFile, Rotate and Retire change it; at whatever point they are stopped, the file is the
// old one or the new one.
//
// # hcvault
//
// The key never leaves the service. Token and TLS come from the environment, as for the service's own command:
// VAULT_TOKEN, VAULT_NAMESPACE, VAULT_CACERT, VAULT_CACERT_BYTES, VAULT_CAPATH, VAULT_CLIENT_CERT, VAULT_CLIENT_KEY and
// VAULT_TLS_SERVER_NAME; the same names with BAO_ go first. VAULT_ADDR is not read, since the URI names the host, and
// VAULT_SKIP_VERIFY is not either: what goes over the wire is a key in plain. hcvault+http://127.0.0.1:8100/transit/keys/crm
// is an agent on this machine, which may add a token of its own; http to another machine is refused.
//
// Wrap asks for its result back before it returns it, once as it must be and once with other associated data: a policy
// that lets us encrypt but not decrypt, or a server too old to bind, shows before anything is sealed under the key.
//
// # aws-kms
//
// The key never leaves the service. Region and key come from the ARN, credentials from the default chain of the AWS SDK,
// an endpoint of one's own from AWS_ENDPOINT_URL_KMS (https, or http on loopback). Wrap asks for its result back here too.
// The associated data is the encryption context "associatedData", in hexadecimal: CloudTrail keeps it in plain, so it
// must not tell anything about a person.
package rootkey
