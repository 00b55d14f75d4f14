// Clients are many Envoys, as far as a control plane can tell: each has a connection of its own, asks for clusters,
// endpoints, listeners, scopes and routes over delta ADS, and acknowledges everything.
//
// A line "watch MARKER" on standard input is answered once every client has acknowledged a route configuration in which
// the marker stands, with the time of the first and of the last acknowledgement.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type fleet struct {
	size, wanted int
	marker       atomic.Pointer[[]byte]

	mu          sync.Mutex
	complete    int
	count       int
	first, last time.Time
}

// completed says once that every client has everything.
func (f *fleet) completed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.complete++; f.complete == f.size {
		fmt.Printf("{\"complete\": %d}\n", time.Now().UnixNano())
	}
}

func (f *fleet) seen(marker *[]byte, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if marker != f.marker.Load() {
		return
	}
	if f.count == 0 || at.Before(f.first) {
		f.first = at
	}
	if at.After(f.last) {
		f.last = at
	}
	if f.count++; f.count == f.size {
		fmt.Printf("{\"first\": %d, \"last\": %d}\n", f.first.UnixNano(), f.last.UnixNano())
	}
}

func (f *fleet) watch(marker string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count, f.last = 0, time.Time{}
	wanted := []byte(marker)
	f.marker.Store(&wanted)
	fmt.Println("{}")
}

func main() {
	f := &fleet{}
	address := flag.String("address", "", "HOST:PORT of the control plane")
	role := flag.String("role", "ingress", "role of all clients")
	flag.IntVar(&f.size, "clients", 1000, "clients")
	flag.IntVar(&f.wanted, "routes", 1, "route configurations that make a client complete")
	flag.Parse()
	for i := range f.size {
		c := &client{node: fmt.Sprintf("%s~bench-%d", *role, i), fleet: f}
		go func() {
			// A client that is lost would make every figure wrong.
			log.Fatalf("clients: %s: %v", c.node, c.run(*address))
		}()
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 2 || words[0] != "watch" {
			log.Fatalf("clients: %q is not a command", lines.Text())
		}
		f.watch(words[1])
	}
}
