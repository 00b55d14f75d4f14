package main

import (
	"context"
	"strconv"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cache "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	server "github.com/envoyproxy/go-control-plane/pkg/server/v3"
)

// snapshots serves the world with go-control-plane's snapshot cache, as its users do: a change makes a new snapshot.
// What did not change is handed over as it was, and keeps its version where a version is the caller's to choose.
type snapshots struct {
	server.Server
	w     *world
	cache cache.SnapshotCache

	clusters, endpoints, routes, scopes []types.Resource
	versions                            [4]int
}

type oneNode struct{}

func (oneNode) ID(*core.Node) string { return "envoy" }

func newCache(w *world) *snapshots {
	s := &snapshots{w: w, cache: cache.NewSnapshotCache(true, oneNode{}, nil)}
	s.Server = server.NewServer(context.Background(), s.cache, nil)
	for i := range w.clusterList {
		s.clusters = append(s.clusters, w.clusterList[i])
		s.endpoints = append(s.endpoints, w.endpointList[i])
	}
	for i := range w.hostList {
		s.addHost(i)
	}
	if !w.scoped {
		s.routes = []types.Resource{w.table()}
	}
	if err := s.publish(); err != nil {
		panic(err)
	}
	return s
}

func (s *snapshots) addHost(i int) {
	if s.w.scoped {
		s.routes = append(s.routes, s.w.tableOf(i))
		s.scopes = append(s.scopes, s.w.scopeOf(i))
	}
}

func (s *snapshots) publish() error {
	version := func(kind int) string { return strconv.Itoa(s.versions[kind]) }
	snapshot := &cache.Snapshot{}
	snapshot.Resources[types.Cluster] = cache.NewResources(version(0), s.clusters)
	snapshot.Resources[types.Endpoint] = cache.NewResources(version(1), s.endpoints)
	snapshot.Resources[types.Route] = cache.NewResources(version(2), s.routes)
	snapshot.Resources[types.ScopedRoute] = cache.NewResources(version(3), s.scopes)
	snapshot.Resources[types.Listener] = cache.NewResources("1", []types.Resource{s.w.listener})
	return s.cache.SetSnapshot(context.Background(), "envoy", snapshot)
}

func (s *snapshots) apply(c change) error {
	for _, i := range c.clusters {
		s.clusters = append(s.clusters, s.w.clusterList[i])
		s.versions[0]++
	}
	if len(c.endpoints) > 0 {
		s.endpoints = append([]types.Resource{}, s.endpoints...)
		for _, i := range c.endpoints {
			if i == len(s.endpoints) {
				s.endpoints = append(s.endpoints, nil)
			}
			s.endpoints[i] = s.w.endpointList[i]
		}
		s.versions[1]++
	}
	if len(c.hosts) > 0 && s.w.scoped {
		s.routes = append([]types.Resource{}, s.routes...)
		for _, i := range c.hosts {
			s.routes[i] = s.w.tableOf(i)
		}
	}
	for _, i := range c.newHosts {
		s.addHost(i)
		s.versions[3]++
	}
	if len(c.hosts)+len(c.newHosts) > 0 {
		if !s.w.scoped {
			s.routes = []types.Resource{s.w.table()}
		}
		s.versions[2]++
	}
	return s.publish()
}
