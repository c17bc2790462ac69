package shared

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Target is a Redis to connect to.
type Target struct {
	kind    string // redis, redis-sentinel or redis-cluster
	options redis.UniversalOptions
}

// Parse reads the URL of a Redis:
//
//	redis://user:password@host:6379/0               one server
//	redis-sentinel://user:password@host,host:26379/master/0   the master of that name, as the sentinels say
//	redis-cluster://user:password@host:6379,host    a cluster, through any of its nodes
//
// rediss, rediss-sentinel and rediss-cluster are the same with TLS 1.2 or newer; ?ca=FILE names the certificates to trust
// besides those of the system. ?sentinel-user= and ?sentinel-password= are for sentinels that want one. No error repeats
// the URL: there may be a password in it.
func Parse(raw string) (Target, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	kind := strings.Replace(scheme, "rediss", "redis", 1)
	if !ok || !slices.Contains([]string{"redis", "redis-sentinel", "redis-cluster"}, kind) {
		return Target{}, errors.New("redis: want redis://, rediss://, redis-sentinel:// or redis-cluster:// and a host")
	}
	// Several hosts are no authority to net/url: take them out first.
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	login, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		login, hosts = authority[:i], authority[i+1:]
	}
	t := Target{kind: kind, options: common()}
	o := &t.options
	user, password, _ := strings.Cut(login, ":")
	var err1, err2 error
	o.Username, err1 = url.PathUnescape(user)
	o.Password, err2 = url.PathUnescape(password)
	params, err3 := url.ParseQuery(query)
	if errors.Join(err1, err2, err3) != nil {
		return Target{}, errors.New("redis: user, password and parameters are percent-encoded in the URL, and one of them is not so rightly")
	}
	port := map[string]string{"redis": "6379", "redis-sentinel": "26379", "redis-cluster": "6379"}[kind]
	for _, host := range strings.Split(hosts, ",") {
		addr, err := address(host, port)
		if err != nil {
			return Target{}, err
		}
		o.Addrs = append(o.Addrs, addr)
	}
	if err := t.place(path); err != nil {
		return Target{}, err
	}
	return t, t.parameters(params, strings.HasPrefix(scheme, "rediss"))
}

// Hosts are the addresses that the URL names, and whether the way to them is encrypted.
func (t Target) Hosts() (addrs []string, encrypted bool) {
	return t.options.Addrs, t.options.TLSConfig != nil
}

// place reads the path: /db, or /master/db.
func (t *Target) place(path string) error {
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	switch t.kind {
	case "redis-cluster":
		if path != "" {
			return errors.New("redis: a cluster has one database: leave out what stands behind the hosts")
		}
		t.options.IsClusterMode = true
		return nil
	case "redis-sentinel":
		if parts[0] == "" {
			return errors.New("redis: name the master behind the hosts of the sentinels: redis-sentinel://host,host/NAME")
		}
		t.options.MasterName, parts = parts[0], parts[1:]
	default:
		if len(t.options.Addrs) > 1 {
			return errors.New("redis: redis:// has one host; several are redis-cluster:// or redis-sentinel://")
		}
	}
	if len(parts) == 0 || len(parts) == 1 && parts[0] == "" {
		return nil
	}
	n, err := strconv.Atoi(parts[0])
	if err != nil || n < 0 || len(parts) > 1 {
		return errors.New("redis: what stands last in the URL is the number of a database, for example /0")
	}
	t.options.DB = n
	return nil
}

func (t *Target) parameters(params url.Values, secure bool) error {
	for name := range params {
		if !slices.Contains([]string{"ca", "sentinel-user", "sentinel-password"}, name) {
			return fmt.Errorf("redis: the URL has a parameter that is none of ca, sentinel-user and sentinel-password")
		}
	}
	t.options.SentinelUsername, t.options.SentinelPassword = params.Get("sentinel-user"), params.Get("sentinel-password")
	if !secure {
		if params.Has("ca") {
			return errors.New("redis: ca is for TLS: use rediss://")
		}
		return nil
	}
	t.options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if path := params.Get("ca"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("redis: read the certificates to trust: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return errors.New("redis: the file that ca names has no certificate in it")
		}
		t.options.TLSConfig.RootCAs = pool
	}
	return nil
}

func address(host, port string) (string, error) {
	h, p, err := net.SplitHostPort(host)
	if err != nil {
		h, p = strings.Trim(host, "[]"), port
	}
	if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 || h == "" {
		return "", errors.New("redis: a host of the URL is missing, or has no port that is one")
	}
	return net.JoinHostPort(h, p), nil
}

// common are the options of every kind. Times are short: whoever asks us waits for Redis, and can do without.
func common() redis.UniversalOptions {
	return redis.UniversalOptions{
		DialTimeout: time.Second, ReadTimeout: patience, WriteTimeout: patience, PoolTimeout: patience,
		DialerRetries: 1, MaxRetries: 1, MinRetryBackoff: 5 * time.Millisecond, MaxRetryBackoff: 20 * time.Millisecond,
		ContextTimeoutEnabled: true, MinIdleConns: 1, ConnMaxIdleTime: 5 * time.Minute,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// patience is how long one answer of Redis may take.
const patience = 500 * time.Millisecond

func (t Target) open() redis.UniversalClient {
	o := t.options
	switch t.kind {
	case "redis-sentinel":
		return redis.NewFailoverClient(o.Failover())
	case "redis-cluster":
		return redis.NewClusterClient(o.Cluster())
	}
	return redis.NewClient(o.Simple())
}
