package main

import (
	"bytes"
	"fmt"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
)

// client asks for what an Envoy would ask for, and takes everything.
type client struct {
	node     string
	stream   *connection
	fleet    *fleet
	asked    map[string]map[string]bool
	routes   map[string]bool
	complete bool
}

func (c *client) run(address string) error {
	stream, err := dial(address)
	if err != nil {
		return err
	}
	defer stream.conn.Close()
	c.stream = stream
	c.asked = map[string]map[string]bool{}
	c.routes = map[string]bool{}
	first := &discovery.DeltaDiscoveryRequest{TypeUrl: resource.ClusterType,
		Node: &core.Node{Id: c.node, Cluster: "bench", UserAgentName: "bench"}}
	if err := c.request(first); err != nil {
		return err
	}
	if err := c.request(&discovery.DeltaDiscoveryRequest{TypeUrl: resource.ListenerType}); err != nil {
		return err
	}
	for {
		if err := stream.flush(); err != nil {
			return err
		}
		message, err := stream.receive()
		if err != nil {
			return err
		}
		if err := c.take(message); err != nil {
			return err
		}
	}
}

func (c *client) request(r *discovery.DeltaDiscoveryRequest) error {
	data, err := proto.Marshal(r)
	if err != nil {
		return err
	}
	c.stream.send(data)
	return nil
}

// subscribe asks for names that were not asked for; none means all.
func (c *client) subscribe(typeURL string, names ...string) error {
	if c.asked[typeURL] == nil {
		c.asked[typeURL] = map[string]bool{}
	} else if len(names) == 0 {
		return nil
	}
	fresh := names[:0]
	for _, name := range names {
		if !c.asked[typeURL][name] {
			c.asked[typeURL][name] = true
			fresh = append(fresh, name)
		}
	}
	if len(names) > 0 && len(fresh) == 0 {
		return nil
	}
	return c.request(&discovery.DeltaDiscoveryRequest{TypeUrl: typeURL, ResourceNamesSubscribe: fresh})
}

func (c *client) take(message []byte) error {
	response := &discovery.DeltaDiscoveryResponse{}
	if err := proto.Unmarshal(message, response); err != nil {
		return err
	}
	ack := &discovery.DeltaDiscoveryRequest{TypeUrl: response.TypeUrl, ResponseNonce: response.Nonce}
	if err := c.request(ack); err != nil {
		return err
	}
	switch response.TypeUrl {
	case resource.ClusterType:
		var names []string
		for _, r := range response.Resources {
			names = append(names, r.Name)
		}
		if len(names) > 0 {
			if err := c.subscribe(resource.EndpointType, names...); err != nil {
				return err
			}
		}
	case resource.ListenerType:
		for _, r := range response.Resources {
			if err := c.takeListener(r); err != nil {
				return err
			}
		}
	case resource.ScopedRouteType:
		var names []string
		for _, r := range response.Resources {
			scope := &route.ScopedRouteConfiguration{}
			if err := r.Resource.UnmarshalTo(scope); err != nil {
				return err
			}
			names = append(names, scope.RouteConfigurationName)
		}
		if len(names) > 0 {
			if err := c.subscribe(resource.RouteType, names...); err != nil {
				return err
			}
		}
	case resource.RouteType:
		return c.takeRoutes(response, message)
	}
	return nil
}

func (c *client) takeListener(r *discovery.Resource) error {
	l := &listener.Listener{}
	if err := r.Resource.UnmarshalTo(l); err != nil {
		return err
	}
	chains := l.FilterChains
	if l.DefaultFilterChain != nil {
		chains = append(chains, l.DefaultFilterChain)
	}
	for _, chain := range chains {
		for _, filter := range chain.Filters {
			manager := &hcm.HttpConnectionManager{}
			if !filter.GetTypedConfig().MessageIs(manager) {
				continue
			}
			if err := filter.GetTypedConfig().UnmarshalTo(manager); err != nil {
				return err
			}
			if manager.GetScopedRoutes() != nil {
				if err := c.subscribe(resource.ScopedRouteType); err != nil {
					return err
				}
			}
			for _, h := range manager.HttpFilters {
				if h.GetConfigDiscovery() != nil {
					if err := c.subscribe(resource.ExtensionConfigType, h.Name); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (c *client) takeRoutes(response *discovery.DeltaDiscoveryResponse, message []byte) error {
	for _, r := range response.Resources {
		c.routes[r.Name] = true
	}
	marker := c.fleet.marker.Load()
	found := marker != nil && bytes.Contains(message, *marker)
	// The acknowledgement first: its time is what counts.
	if err := c.stream.flush(); err != nil {
		return err
	}
	if len(c.stream.waiting) > 0 {
		return fmt.Errorf("%s: the server takes no acknowledgements", c.node)
	}
	if found {
		c.fleet.seen(marker, time.Now())
	}
	if !c.complete && len(c.routes) >= c.fleet.wanted {
		c.complete = true
		c.fleet.completed()
	}
	return nil
}
