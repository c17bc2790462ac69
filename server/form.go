package server

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
	"github.com/cloakroom-crm/cloakroom/server/mail"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

// form is what a value looks like, for whoever reads it and for whoever writes it.
type form struct {
	word    string   // what flags call it
	choices []string // all there are, if they can be counted
	// read puts what an operator wrote into the field, or says what is wanted instead. It never repeats the value: whoever
	// mistypes may have put a password in the wrong place.
	read   func(text string, field any) (wrong string)
	schema map[string]any // JSON Schema of the value in the file
}

// checked is a form of text with a rule.
func checked(word string, schema map[string]any, check func(text string) (wrong string)) form {
	schema["type"] = "string"
	return form{word: word, schema: schema, read: func(text string, field any) string {
		*field.(*string) = text
		return check(text)
	}}
}

func text(empty bool, wanted string) form {
	schema := map[string]any{}
	if !empty {
		schema["minLength"] = 1
	}
	return checked("string", schema, func(text string) string {
		if text == "" && !empty {
			return wanted
		}
		return ""
	})
}

func choice(values ...string) form {
	f := checked("string", map[string]any{"enum": values}, func(text string) string {
		if !slices.Contains(values, text) {
			return "want " + strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
		}
		return ""
	})
	f.choices = values
	return f
}

func address(empty bool) form {
	return checked("host:port", map[string]any{"pattern": addressPattern(empty)}, func(text string) string {
		if text == "" && empty {
			return ""
		}
		_, port, err := net.SplitHostPort(text)
		if err != nil {
			return "want host:port, for example 127.0.0.1:8080"
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
			return "name a port, for example 127.0.0.1:8080; port 0 takes a free one"
		}
		return ""
	})
}

func addressPattern(empty bool) string {
	if empty {
		return `^(.*:[0-9]{1,5})?$`
	}
	return `^.*:[0-9]{1,5}$`
}

// webURL is the URL of a service. One with a password in it is refused: these are printed and logged.
func webURL(empty bool) form {
	return checked("url", map[string]any{"format": "uri-reference"}, func(text string) string {
		if text == "" && empty {
			return ""
		}
		return wrongURL(text)
	})
}

func wrongURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "":
		return "want a URL, for example https://service.example.com"
	case u.User != nil:
		return "put no name and no password into this URL: it is printed and logged"
	}
	return ""
}

// origin is scheme, host and port (RFC 6454): what a browser sends as Origin.
func origin(empty bool) form {
	return checked("origin", map[string]any{"format": "uri-reference"}, func(text string) string {
		if text == "" && empty {
			return ""
		}
		return wrongOrigin(text)
	})
}

func wrongOrigin(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || text != strings.ToLower(u.Scheme+"://"+u.Host):
		return "want scheme and host alone, in small letters, for example https://crm.example.com"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "want https: what crosses a network in plain text can be read and changed on the way"
	}
	return ""
}

func origins() form {
	item := map[string]any{"type": "string", "format": "uri"}
	return form{word: "origins", schema: map[string]any{"anyOf": []any{map[string]any{"type": "array", "items": item}, map[string]any{"type": "string"}}},
		read: func(text string, field any) string {
			list := field.(*[]string)
			*list = nil
			for part := range strings.SplitSeq(text, ",") {
				if part = strings.TrimSpace(part); part == "" {
					continue
				}
				if wrong := wrongOrigin(part); wrong != "" {
					return wrong
				}
				*list = append(*list, part)
			}
			return ""
		}}
}

// database is the URL of a database. A bare path is taken where it always was.
func database(path bool) form {
	return checked("url", map[string]any{}, func(text string) string {
		if !isDatabase(text) && (!path || strings.Contains(text, ":")) {
			return "want sqlite:PATH or postgres://…, or nothing for the place it has by itself"
		}
		return ""
	})
}

// standbys are URLs of single servers: what is known of one must not be taken for another.
func standbys() form {
	return form{word: "urls", schema: map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "array", "items": map[string]any{"type": "string"}}}},
		read: func(text string, field any) string {
			list := field.(*[]string)
			*list = nil
			for part := range strings.SplitSeq(text, ",") {
				if part = strings.TrimSpace(part); part == "" {
					continue
				}
				if !strings.HasPrefix(part, "postgres://") && !strings.HasPrefix(part, "postgresql://") {
					return "want postgres://… for each standby, separated by commas, with one host each"
				}
				*list = append(*list, part)
			}
			return ""
		}}
}

// isDatabase reports whether url is empty or of a kind of database we know.
func isDatabase(url string) bool {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return strings.TrimPrefix(path, "//") != ""
	}
	return url == "" || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

func rootKey() form {
	return checked("uri", map[string]any{}, func(text string) string {
		if text == "" {
			return ""
		}
		if err := rootkey.Check(text); err != nil {
			return strings.TrimPrefix(err.Error(), "root key: ")
		}
		return ""
	})
}

func redisURL() form {
	return checked("url", map[string]any{}, func(text string) string {
		if text == "" {
			return ""
		}
		if _, err := shared.Parse(text); err != nil {
			return strings.TrimPrefix(err.Error(), "redis: ")
		}
		return ""
	})
}

func mailURL() form {
	return checked("url", map[string]any{}, func(text string) string {
		if text == "" {
			return ""
		}
		if _, err := mail.Parse(text); err != nil {
			return err.Error()
		}
		return ""
	})
}

func mailFrom() form {
	return checked("address", map[string]any{}, func(text string) string {
		if text == "" {
			return ""
		}
		if _, err := mail.NewSender(mail.Target{}, text); err != nil {
			return "want an address, for example Example GmbH <privacy@example.com>"
		}
		return ""
	})
}

func onOff() form {
	return form{word: "bool", schema: map[string]any{"type": "boolean"}, choices: []string{"true", "false"}, read: func(text string, field any) string {
		b, err := strconv.ParseBool(text)
		if err != nil {
			return "want true or false"
		}
		*field.(*bool) = b
		return ""
	}}
}

func whole(least, most int) form {
	return form{word: "int", schema: map[string]any{"type": "integer", "minimum": least, "maximum": most}, read: func(text string, field any) string {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return fmt.Sprintf("want a number from %d to %d", least, most)
		}
		*field.(*int) = n
		return ""
	}}
}

func size(least, most int64) form {
	schema := map[string]any{"anyOf": []any{map[string]any{"type": "integer", "minimum": least, "maximum": most}, map[string]any{"type": "string", "pattern": `^[0-9]+(KiB|MiB)?$`}}}
	return form{word: "bytes", schema: schema, read: func(text string, field any) string {
		digits, unit := text, int64(1)
		if d, ok := strings.CutSuffix(text, "KiB"); ok {
			digits, unit = d, 1<<10
		} else if d, ok := strings.CutSuffix(text, "MiB"); ok {
			digits, unit = d, 1<<20
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n > most/unit || n*unit < least {
			return fmt.Sprintf("want %d to %d bytes, or a number with KiB or MiB, for example 256KiB", least, most)
		}
		*field.(*int64) = n * unit
		return ""
	}}
}

func span(least, most time.Duration) form {
	return form{word: "duration", schema: map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$|^0$`}, read: func(text string, field any) string {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return fmt.Sprintf("want a time from %s to %s, for example 10s", least, most)
		}
		*field.(*time.Duration) = d
		return ""
	}}
}

var roleName = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]*$`)

func points() form {
	schema := map[string]any{"anyOf": []any{map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "integer", "minimum": 1}}, map[string]any{"type": "string"}}}
	return form{word: "points", schema: schema, read: func(text string, field any) string {
		roles := field.(*map[string]int)
		*roles = nil
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			role, points, _ := strings.Cut(part, "=")
			n, err := strconv.Atoi(strings.TrimSpace(points))
			role = strings.TrimSpace(role)
			if _, twice := (*roles)[role]; twice || err != nil || n < 1 || n > 1_000_000_000 || !roleName.MatchString(role) {
				return "want ROLE=POINTS,… with each role once and points above zero, for example SALES_REP=300000"
			}
			if *roles == nil {
				*roles = map[string]int{}
			}
			(*roles)[role] = n
		}
		return ""
	}}
}
