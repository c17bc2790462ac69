package shared

// Hears reports whether notices of other replicas arrive, as far as is known. Where replicas share nothing there are none to miss.
func (s *Shared) Hears() bool {
	if s.link == nil {
		return true
	}
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	return !s.link.away
}
