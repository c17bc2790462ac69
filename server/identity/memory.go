package identity

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// maxRemembered bounds the memory: who is forgotten is looked up.
const maxRemembered = 10_000

// found is what a look-up of a session said.
type found struct {
	principal policy.Principal
	session   string    // its id
	expires   time.Time // when to look again
}

// memory remembers look-ups for seconds, by the digest of the credential. Only good answers are kept.
//
// Threat: a session that was revoked is believed for as long as it is remembered. So a revocation is broadcast and ends it at once;
// where notices may have been missed all is forgotten; and what was being looked up meanwhile is not kept, because the answer
// may be from before: every revocation begins a new epoch, and what was asked in an older one is not remembered.
type memory struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[[sha256.Size]byte, found]
	epoch uint64
}

func newMemory() (*memory, error) {
	lru, err := simplelru.NewLRU[[sha256.Size]byte, found](maxRemembered, nil)
	return &memory{lru: lru}, err
}

// get returns what is remembered, and the epoch a look-up would belong to.
func (m *memory) get(key [sha256.Size]byte, now time.Time) (f found, ok bool, epoch uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok = m.lru.Get(key)
	if ok && !now.Before(f.expires) {
		m.lru.Remove(key)
		f, ok = found{}, false
	}
	return f, ok, m.epoch
}

func (m *memory) put(key [sha256.Size]byte, f found, epoch uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch == epoch {
		m.lru.Add(key, f)
	}
}

// forget ends what is remembered under a key.
func (m *memory) forget(key [sha256.Size]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lru.Remove(key)
	m.epoch++
}

// revoke ends what is remembered of a session or an identity.
func (m *memory) revoke(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.lru.Keys() {
		if f, ok := m.lru.Peek(key); ok && (f.session == id || f.principal.ID == id) {
			m.lru.Remove(key)
		}
	}
	m.epoch++
}

// clear forgets everything.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lru.Purge()
	m.epoch++
}

// own gives each request attributes of its own.
func own(p policy.Principal) policy.Principal {
	p.Attrs = maps.Clone(p.Attrs)
	return p
}
