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
	doubted   uint64    // the epoch that began when the credential was last doubted; nothing older counts
}

// memory remembers look-ups for seconds, by the digest of the credential. Only good answers are kept.
//
// Threat: a session that was revoked is believed for as long as it is remembered. So a revocation is broadcast and ends it at once;
// where notices may have been missed all is forgotten; and what was being looked up meanwhile is not kept, because the answer
// may be from before: every revocation begins a new epoch, and what was asked in an older one is not remembered. Doubt about one
// credential begins one for it alone; should the memory be too full to know of it, an answer from before is believed for seconds,
// and proves too little rather than too much.
type memory struct {
	mu      sync.Mutex
	lru     *simplelru.LRU[[sha256.Size]byte, found]
	last    uint64 // epoch, of whomever
	revoked uint64 // the last epoch that began for all
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
	epoch = max(m.revoked, f.doubted)
	if ok && !now.Before(f.expires) {
		m.drop(key, f.doubted)
		f, ok = found{}, false
	}
	return f, ok, epoch
}

func (m *memory) put(key [sha256.Size]byte, f found, epoch uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, _ := m.lru.Peek(key)
	if epoch == max(m.revoked, old.doubted) {
		f.doubted = old.doubted
		m.lru.Add(key, f)
	}
}

// forget ends what is remembered under a key.
func (m *memory) forget(key [sha256.Size]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	m.drop(key, m.last)
}

// drop keeps of an entry when it was doubted, if no revocation has ended what was asked before anyway.
func (m *memory) drop(key [sha256.Size]byte, doubted uint64) {
	if doubted > m.revoked {
		m.lru.Add(key, found{doubted: doubted})
	} else {
		m.lru.Remove(key)
	}
}

// begin has an epoch begin for all.
func (m *memory) begin() {
	m.last++
	m.revoked = m.last
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
	m.begin()
}

// clear forgets everything.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lru.Purge()
	m.begin()
}

// own gives each request attributes of its own.
func own(p policy.Principal) policy.Principal {
	p.Attrs = maps.Clone(p.Attrs)
	return p
}
