package keyring

import (
	"crypto/cipher"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"sync"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// entrySize is what a cipher ready for use takes, with its places in the cache: measured by TestCacheSize.
const entrySize = 1200

// entry is the cipher of one person.
type entry struct {
	policy.Withheld

	aead cipher.AEAD
	uses int  // batches that hold it
	gone bool // out of the cache: to be wiped with its last use
}

// cache keeps ciphers ready, the latest used ones, within a bound. What leaves it is wiped.
type cache struct {
	mu      sync.Mutex
	entries *simplelru.LRU[uuid.UUID, *entry]
	// destroyed keeps a key from being put back by a page that read it just before its destruction.
	destroyed map[uuid.UUID]bool
	closed    bool
}

func newCache(bytes int) *cache {
	c := &cache{destroyed: map[uuid.UUID]bool{}}
	// The size is positive, so there is no error.
	c.entries, _ = simplelru.NewLRU(max(1, bytes/entrySize), func(_ uuid.UUID, e *entry) { e.drop() })
	return c
}

// drop takes an entry out of use, under the lock.
func (e *entry) drop() {
	if e.gone = true; e.uses == 0 {
		wipe(e.aead)
	}
}

// acquire hands out the entries there are, and returns the subjects that have none.
func (c *cache) acquire(subjects []uuid.UUID, into map[uuid.UUID]*entry) (missing []uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range subjects {
		if into[s] != nil {
			continue
		}
		if e, ok := c.entries.Get(s); ok {
			e.uses++
			into[s] = e
			continue
		}
		missing = append(missing, s)
	}
	return missing
}

// add puts a cipher in and hands it out; nil for a destroyed key.
func (c *cache) add(subject uuid.UUID, aead cipher.AEAD) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.destroyed[subject] || c.closed {
		wipe(aead)
		return nil
	}
	if e, ok := c.entries.Get(subject); ok { // another page was as quick
		wipe(aead)
		e.uses++
		return e
	}
	e := &entry{aead: aead, uses: 1}
	c.entries.Add(subject, e)
	return e
}

func (c *cache) release(entries map[uuid.UUID]*entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range entries {
		if e.uses--; e.uses == 0 && e.gone {
			wipe(e.aead)
		}
	}
}

// destroy drops the keys of subjects for good.
func (c *cache) destroy(subjects []uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range subjects {
		c.destroyed[s] = true
		c.entries.Remove(s)
	}
}

func (c *cache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.entries.Purge()
}

func (c *cache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries.Len()
}
