package ory

import (
	"net/url"
	"path/filepath"
)

type object = map[string]any

// configuration is what Kratos is told. Its secrets are worth nothing: it listens on the loopback interface, and knows
// made-up people only.
func configuration(o Options, dir string, ports []int, mailbox string) object {
	ui := o.UI
	if ui == "" {
		ui = o.Outside + "/no-pages-here"
	}
	page := func(name string) object { return object{"ui_url": ui + "/" + name} }
	settings := page("settings")
	// An hour's old session may not change how one signs in.
	settings["privileged_session_max_age"], settings["required_aal"] = "1h", "aal1"
	verification, recovery := page("verification"), page("recovery")
	verification["enabled"], verification["use"] = true, "code"
	recovery["enabled"], recovery["use"] = true, "code"
	return object{
		"dsn": database(dir),
		"serve": object{
			"public": object{"base_url": o.Outside + "/", "host": "127.0.0.1", "port": ports[0],
				"cors": object{"enabled": len(o.Origins) > 0, "allowed_origins": append([]string{}, o.Origins...), "allow_credentials": true,
					"allowed_methods": []string{"GET", "POST", "PUT", "PATCH", "DELETE"},
					"allowed_headers": []string{"Content-Type", "X-Session-Token", "X-CSRF-Token"}, "exposed_headers": []string{"Content-Type"}}},
			"admin": object{"base_url": loopback(ports[1]) + "/", "host": "127.0.0.1", "port": ports[1]},
		},
		"selfservice": object{
			"default_browser_return_url": ui + "/",
			"allowed_return_urls":        append([]string{ui}, o.Origins...),
			"methods": object{
				"password": object{"enabled": true, "config": object{"haveibeenpwned_enabled": false}},
				"code":     object{"enabled": true, "passwordless_enabled": true},
				"totp":     object{"enabled": true, "config": object{"issuer": "Cloakroom"}},
			},
			"flows": object{"login": page("login"), "settings": settings, "verification": verification, "recovery": recovery,
				// People are entered by those who run the place: whoever registers would have no role.
				"registration": object{"enabled": false},
				"error":        page("error"),
				"logout":       object{"after": object{"default_browser_return_url": ui + "/"}}},
		},
		// What a session is worth is for the gateway to judge, operation by operation.
		"session":  object{"whoami": object{"required_aal": "aal1"}, "lifespan": "12h"},
		"secrets":  object{"cookie": []string{"made-up-cookie-secret-of-32-bytes"}, "cipher": []string{"made-up-cipher-secret-32-bytes!!"}},
		"ciphers":  object{"algorithm": "xchacha20-poly1305"},
		"hashers":  object{"algorithm": "bcrypt", "bcrypt": object{"cost": 4}},
		"identity": object{"default_schema_id": "person", "schemas": []object{{"id": "person", "url": (&url.URL{Scheme: "file", Path: filepath.Join(dir, "person.schema.json")}).String()}}},
		"courier":  object{"smtp": object{"connection_uri": "smtp://" + mailbox + "/?disable_starttls=true", "from_address": "cloakroom@example.com"}},
		"log":      object{"level": "info", "format": "text"},
	}
}
