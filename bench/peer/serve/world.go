package main

import (
	"fmt"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	listenerName = "main"
	tableName    = "all"
	bigHost      = "big.bench.test"
	bigCluster   = "default/big"
	// The endpoint that is swapped gets all but a vanishing part of the requests: what changes is seen by the next one.
	liveWeight = 4_000_000_000
)

// world is the configuration that is served: the same that the gateway is given.
type world struct {
	hosts, per, clusters, endpoints, backend, other int
	scoped                                          bool

	swapped bool
	// Everything by its place; hosts that are added come after the first ones.
	clusterList  []*cluster.Cluster
	endpointList []*endpoint.ClusterLoadAssignment
	hostList     []*route.VirtualHost
	listener     *listener.Listener
}

// change says which places of the world differ.
type change struct {
	hosts     []int
	newHosts  []int
	clusters  []int
	endpoints []int
}

func hostName(i int) string    { return fmt.Sprintf("h%d.bench.test", i) }
func clusterName(i int) string { return fmt.Sprintf("default/b%d", i) }

func (w *world) build() {
	for i := range w.clusters {
		w.addCluster(clusterName(i), address(w.backend, 1))
	}
	for i := range w.hosts {
		w.hostList = append(w.hostList, w.host(i, "start"))
	}
	if w.endpoints > 0 {
		w.addCluster(bigCluster, w.bigEndpoints()...)
		w.hostList = append(w.hostList, virtualHost(bigHost, toCluster("/start", false, bigCluster)))
	}
	w.listener = w.buildListener()
}

func (w *world) addCluster(name string, endpoints ...*endpoint.LbEndpoint) {
	w.clusterList = append(w.clusterList, &cluster.Cluster{
		Name:                 name,
		ConnectTimeout:       durationpb.New(5 * time.Second),
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: ads()},
	})
	w.endpointList = append(w.endpointList, assignment(name, endpoints))
}

func (w *world) host(i int, marker string) *route.VirtualHost {
	routes := []*route.Route{toCluster("/"+marker, false, clusterName(i%w.clusters))}
	for n := 1; n < w.per; n++ {
		routes = append(routes, toCluster(fmt.Sprintf("/r%d/", n), true, clusterName((i+n)%w.clusters)))
	}
	return virtualHost(hostName(i), routes...)
}

func (w *world) bigEndpoints() []*endpoint.LbEndpoint {
	port := w.backend
	if w.swapped {
		port = w.other
	}
	out := []*endpoint.LbEndpoint{address(port, liveWeight)}
	for i := 1; i < w.endpoints; i++ {
		far := address(9, 1)
		far.GetEndpoint().Address.GetSocketAddress().Address = fmt.Sprintf("127.1.%d.%d", i/250, 1+i%250)
		out = append(out, far)
	}
	return out
}

func (w *world) changeRoutes(from, to int, marker string) change {
	c := change{}
	for i := from; i < to; i++ {
		w.hostList[i] = w.host(i, marker)
		c.hosts = append(c.hosts, i)
	}
	return c
}

func (w *world) addService(name string) change {
	w.addCluster("default/"+name, address(w.backend, 1))
	w.hostList = append(w.hostList, virtualHost(name+".bench.test", toCluster("/start", false, "default/"+name)))
	last := len(w.clusterList) - 1
	return change{clusters: []int{last}, endpoints: []int{last}, newHosts: []int{len(w.hostList) - 1}}
}

func (w *world) swapEndpoint() change {
	w.swapped = !w.swapped
	last := len(w.clusterList) - 1
	w.endpointList[last] = assignment(bigCluster, w.bigEndpoints())
	return change{endpoints: []int{last}}
}

// The route configuration and the scope of a host, and the table of all hosts.

func (w *world) tableOf(i int) *route.RouteConfiguration {
	return &route.RouteConfiguration{Name: w.hostList[i].Name, VirtualHosts: []*route.VirtualHost{w.hostList[i]}}
}

func (w *world) table() *route.RouteConfiguration {
	// A copy: the cache may be reading the list of before.
	return &route.RouteConfiguration{Name: tableName, VirtualHosts: append([]*route.VirtualHost{}, w.hostList...)}
}

func (w *world) scopeOf(i int) *route.ScopedRouteConfiguration {
	name := w.hostList[i].Name
	return &route.ScopedRouteConfiguration{Name: name, RouteConfigurationName: name,
		Key: &route.ScopedRouteConfiguration_Key{Fragments: []*route.ScopedRouteConfiguration_Key_Fragment{{
			Type: &route.ScopedRouteConfiguration_Key_Fragment_StringKey{StringKey: w.hostList[i].Domains[0]}}}}}
}

func (w *world) buildListener() *listener.Listener {
	manager := &hcm.HttpConnectionManager{
		StatPrefix:  "http",
		HttpFilters: []*hcm.HttpFilter{{Name: "router", ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: pack(&router.Router{})}}},
	}
	if w.scoped {
		manager.RouteSpecifier = &hcm.HttpConnectionManager_ScopedRoutes{ScopedRoutes: &hcm.ScopedRoutes{
			Name: "scopes", RdsConfigSource: ads(), ScopeKeyBuilder: keyFromAuthority(),
			ConfigSpecifier: &hcm.ScopedRoutes_ScopedRds{ScopedRds: &hcm.ScopedRds{ScopedRdsConfigSource: ads()}}}}
	} else {
		manager.RouteSpecifier = &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{ConfigSource: ads(), RouteConfigName: tableName}}
	}
	return &listener.Listener{Name: listenerName, Address: address(0, 1).GetEndpoint().Address,
		FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
			Name: "http", ConfigType: &listener.Filter_TypedConfig{TypedConfig: pack(manager)}}}}}}
}

func keyFromAuthority() *hcm.ScopedRoutes_ScopeKeyBuilder {
	type fragment = hcm.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder
	header := &hcm.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor{
		Name: ":authority", ElementSeparator: ":",
		ExtractType: &hcm.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_Index{Index: 0}}
	return &hcm.ScopedRoutes_ScopeKeyBuilder{Fragments: []*fragment{{
		Type: &hcm.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_{HeaderValueExtractor: header}}}}
}

func virtualHost(domain string, routes ...*route.Route) *route.VirtualHost {
	return &route.VirtualHost{Name: domain, Domains: []string{domain}, Routes: routes}
}

func toCluster(path string, prefix bool, to string) *route.Route {
	match := &route.RouteMatch{PathSpecifier: &route.RouteMatch_Path{Path: path}}
	if prefix {
		match.PathSpecifier = &route.RouteMatch_Prefix{Prefix: path}
	}
	return &route.Route{Match: match, Action: &route.Route_Route{Route: &route.RouteAction{
		ClusterSpecifier: &route.RouteAction_Cluster{Cluster: to}}}}
}

func assignment(name string, endpoints []*endpoint.LbEndpoint) *endpoint.ClusterLoadAssignment {
	return &endpoint.ClusterLoadAssignment{ClusterName: name,
		Endpoints: []*endpoint.LocalityLbEndpoints{{LbEndpoints: endpoints}}}
}

func address(port int, weight uint32) *endpoint.LbEndpoint {
	at := &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &core.SocketAddress_PortValue{PortValue: uint32(port)}}}}
	return &endpoint.LbEndpoint{LoadBalancingWeight: wrapperspb.UInt32(weight),
		HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{Address: at}}}
}

func ads() *core.ConfigSource {
	return &core.ConfigSource{ResourceApiVersion: core.ApiVersion_V3,
		ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}}}
}

// pack cannot fail: every message here was built above.
func pack(message proto.Message) *anypb.Any {
	out, err := anypb.New(message)
	if err != nil {
		panic(err)
	}
	return out
}
