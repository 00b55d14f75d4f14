package main

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

const ackTimeout = 30 * time.Second

// floor is a delta server for one Envoy that has every resource as bytes, and sends a change as soon as it is told of
// it: what is measured with it is Envoy and the wire. It waits for acknowledgements where the order of a change needs it.
type floor struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	w *world

	mu        sync.Mutex
	resources map[string]map[string]*anypb.Any
	// What is to be sent on the stream that is there, with its nonce.
	out   chan *discovery.DeltaDiscoveryResponse
	nonce int
	acks  chan ack
}

type ack struct {
	typeURL string
	nonce   int
	refused string
}

func newFloor(w *world) *floor {
	f := &floor{w: w, resources: map[string]map[string]*anypb.Any{}, acks: make(chan ack, 1<<16)}
	for i := range w.clusterList {
		f.set(resource.ClusterType, w.clusterList[i].Name, w.clusterList[i])
		f.set(resource.EndpointType, w.endpointList[i].ClusterName, w.endpointList[i])
	}
	for i := range w.hostList {
		f.setHost(i)
		f.set(resource.ScopedRouteType, w.hostList[i].Name, w.scopeOf(i))
	}
	f.set(resource.ListenerType, w.listener.Name, w.listener)
	return f
}

func (f *floor) set(typeURL, name string, message proto.Message) {
	if f.resources[typeURL] == nil {
		f.resources[typeURL] = map[string]*anypb.Any{}
	}
	f.resources[typeURL][name] = pack(message)
}

func (f *floor) setHost(i int) {
	f.set(resource.RouteType, f.w.hostList[i].Name, f.w.tableOf(i))
}

// send queues one response with the resources that exist; the caller holds the lock.
func (f *floor) send(typeURL string, names []string) int {
	f.nonce++
	response := &discovery.DeltaDiscoveryResponse{TypeUrl: typeURL, Nonce: strconv.Itoa(f.nonce),
		Resources: make([]*discovery.Resource, 0, len(names))}
	for _, name := range names {
		if held := f.resources[typeURL][name]; held != nil {
			response.Resources = append(response.Resources,
				&discovery.Resource{Name: name, Version: response.Nonce, Resource: held})
		} else {
			response.RemovedResources = append(response.RemovedResources, name)
		}
	}
	if f.out != nil {
		f.out <- response
	}
	return f.nonce
}

// wait returns when Envoy has taken a response of a type that was sent at or after `since`.
func (f *floor) wait(typeURL string, since int) error {
	deadline := time.After(ackTimeout)
	for {
		select {
		case a := <-f.acks:
			if a.refused != "" {
				return fmt.Errorf("Envoy refused: %s", a.refused)
			}
			if a.typeURL == typeURL && a.nonce >= since {
				return nil
			}
		case <-deadline:
			return fmt.Errorf("no acknowledgement of %s", typeURL)
		}
	}
}

func (f *floor) apply(c change) error {
	f.mu.Lock()
	since := f.nonce + 1
	var clusters, endpoints, routes, scopes []string
	for _, i := range c.clusters {
		clusters = append(clusters, f.w.clusterList[i].Name)
		f.set(resource.ClusterType, f.w.clusterList[i].Name, f.w.clusterList[i])
	}
	for _, i := range c.endpoints {
		endpoints = append(endpoints, f.w.endpointList[i].ClusterName)
		f.set(resource.EndpointType, f.w.endpointList[i].ClusterName, f.w.endpointList[i])
	}
	for _, i := range c.hosts {
		f.setHost(i)
		routes = append(routes, f.w.hostList[i].Name)
	}
	for _, i := range c.newHosts {
		f.setHost(i)
		f.set(resource.ScopedRouteType, f.w.hostList[i].Name, f.w.scopeOf(i))
		scopes = append(scopes, f.w.hostList[i].Name)
	}
	if len(routes) > 0 {
		f.send(resource.RouteType, routes)
	}
	if len(clusters) > 0 {
		f.send(resource.ClusterType, clusters)
		// Envoy asks for the endpoints; once it has them the cluster can be used.
		f.mu.Unlock()
		if err := f.wait(resource.EndpointType, since); err != nil {
			return err
		}
		f.mu.Lock()
	} else if len(endpoints) > 0 {
		f.send(resource.EndpointType, endpoints)
	}
	if len(scopes) > 0 {
		f.send(resource.ScopedRouteType, scopes)
	}
	f.mu.Unlock()
	return nil
}

// DeltaAggregatedResources serves the one Envoy.
func (f *floor) DeltaAggregatedResources(stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	out := make(chan *discovery.DeltaDiscoveryResponse, 1<<16)
	f.mu.Lock()
	f.out = out
	f.mu.Unlock()
	go func() {
		for {
			select {
			case response := <-out:
				if stream.Send(response) != nil {
					return
				}
			case <-stream.Context().Done():
				return
			}
		}
	}()
	seen := map[string]bool{}
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		if nonce, err := strconv.Atoi(request.ResponseNonce); err == nil {
			f.acks <- ack{request.TypeUrl, nonce, request.ErrorDetail.GetMessage()}
		}
		f.mu.Lock()
		names := request.ResourceNamesSubscribe
		if !seen[request.TypeUrl] && len(names) == 0 || len(names) == 1 && names[0] == "*" {
			names = names[:0]
			for name := range f.resources[request.TypeUrl] {
				names = append(names, name)
			}
		}
		if len(names) > 0 || !seen[request.TypeUrl] {
			f.send(request.TypeUrl, names)
		}
		seen[request.TypeUrl] = true
		f.mu.Unlock()
	}
}
