// Serve is what the gateway is compared with: an ADS server for one Envoy, as cheap as it can be (floor), or with the
// snapshot cache of go-control-plane (sotw, delta). Commands are lines on standard input; each is answered with a line.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
)

// A backend takes changes of the world and sends them to Envoy.
type backend interface {
	discovery.AggregatedDiscoveryServiceServer
	// apply sends what a change has touched; it returns when nothing more is to be sent.
	apply(change change) error
}

func main() {
	kind := flag.String("kind", "floor", "floor, sotw or delta")
	layout := flag.String("layout", "srds", "srds: a route configuration a host; rds: one for all")
	w := world{}
	flag.IntVar(&w.hosts, "hosts", 10, "hosts")
	flag.IntVar(&w.per, "per", 10, "routes a host")
	flag.IntVar(&w.clusters, "clusters", 100, "clusters")
	flag.IntVar(&w.endpoints, "endpoints", 0, "endpoints of the cluster of host big.bench.test; 0: no such host")
	flag.IntVar(&w.backend, "backend", 0, "port of the backend")
	flag.IntVar(&w.other, "other", 0, "port of the other backend")
	flag.Parse()
	w.scoped = *layout == "srds"
	if err := serve(*kind, &w); err != nil {
		log.Fatalf("serve: %v", err)
	}
}

func serve(kind string, w *world) error {
	w.build()
	var b backend
	switch {
	case kind == "floor" && w.scoped:
		b = newFloor(w)
	case kind == "sotw" || kind == "delta":
		b = newCache(w)
	default:
		return fmt.Errorf("kind %q is not known with this layout", kind)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1<<30), grpc.MaxSendMsgSize(1<<30),
		grpc.InitialWindowSize(1<<24), grpc.InitialConnWindowSize(1<<24))
	discovery.RegisterAggregatedDiscoveryServiceServer(server, b)
	go server.Serve(listener)
	defer server.Stop()
	fmt.Printf("{\"port\": %d}\n", listener.Addr().(*net.TCPAddr).Port)

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		change, err := w.command(strings.Fields(lines.Text()))
		if err == nil {
			err = b.apply(change)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		fmt.Println("{}")
	}
	return lines.Err()
}

// command changes the world as a line says.
func (w *world) command(words []string) (change, error) {
	if len(words) == 3 && (words[0] == "route" || words[0] == "storm") {
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return change{}, err
		}
		if words[0] == "route" {
			return w.changeRoutes(n, n+1, words[2]), nil
		}
		return w.changeRoutes(0, n, words[2]), nil
	}
	if len(words) == 2 && words[0] == "service" {
		return w.addService("new" + words[1]), nil
	}
	if len(words) == 1 && words[0] == "endpoint" {
		return w.swapEndpoint(), nil
	}
	return change{}, fmt.Errorf("not a command")
}
