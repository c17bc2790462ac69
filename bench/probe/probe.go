// Package probe lets the driver see what a variant's process spent. It listens on an address of its own: the product has
// no such door.
package probe

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Reading is what a process has spent since it began, and the memory it holds.
type Reading struct {
	Mallocs uint64 `json:"mallocs"`
	Bytes   uint64 `json:"bytes"`
	CPU     int64  `json:"cpu_us"` // user and system
	RSS     int64  `json:"rss_kb"`
	Peak    int64  `json:"peak_kb"` // since the process began
	// Goroutines run or wait at the moment.
	Goroutines int `json:"goroutines"`
}

// Handler answers GET /reading and the profiles under /debug/pprof/.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /reading", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(read(r.URL.Query().Get("cheap") == ""))
	})
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	return mux
}

// read looks at this process. Counting allocations stops it for a moment, so that is left out of the readings in between.
func read(allocations bool) Reading {
	r := Reading{Goroutines: runtime.NumGoroutine()}
	if allocations {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		r.Mallocs, r.Bytes = m.Mallocs, m.TotalAlloc
	}
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err == nil {
		r.CPU = (time.Duration(use.Utime.Nano()) + time.Duration(use.Stime.Nano())).Microseconds()
	}
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		name, value, _ := strings.Cut(line, ":")
		kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			r.RSS = kb
		case "VmHWM":
			r.Peak = kb
		}
	}
	return r
}
