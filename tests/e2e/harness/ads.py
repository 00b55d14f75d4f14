"""A raw client of aggregated discovery, delta and state of the world: independent of Envoy's own.

Streams do only what a test tells them to: nothing is acknowledged by itself.
"""

import queue
import threading

import grpc
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2, extension_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2, scoped_route_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.status.v3 import csds_pb2
from google.rpc import status_pb2

MESSAGES = {
    "cluster": ("envoy.config.cluster.v3.Cluster", cluster_pb2.Cluster),
    "endpoints": ("envoy.config.endpoint.v3.ClusterLoadAssignment", endpoint_pb2.ClusterLoadAssignment),
    "listener": ("envoy.config.listener.v3.Listener", listener_pb2.Listener),
    "route": ("envoy.config.route.v3.RouteConfiguration", route_pb2.RouteConfiguration),
    "scope": ("envoy.config.route.v3.ScopedRouteConfiguration", scoped_route_pb2.ScopedRouteConfiguration),
    "secret": ("envoy.extensions.transport_sockets.tls.v3.Secret", secret_pb2.Secret),
    "extension": ("envoy.config.core.v3.TypedExtensionConfig", extension_pb2.TypedExtensionConfig),
}
URLS = {kind: "type.googleapis.com/" + name for kind, (name, _) in MESSAGES.items()}
KINDS = {url: kind for kind, url in URLS.items()}

_END = object()


def _channel(port, credentials=None):
    """Plain text, or TLS with the credentials of a client."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    address = f"127.0.0.1:{port}"
    if credentials is None:
        return grpc.insecure_channel(address, options)
    return grpc.secure_channel(address, credentials, options)


class _Stream:
    """One stream: requests are queued, responses are read by a thread of their own."""

    def __init__(self, port, node_id, method, request, response, credentials=None):
        self.node = base_pb2.Node(id=node_id, cluster="test", user_agent_name="raw")
        self.channel = _channel(port, credentials)
        self._out = queue.Queue()
        self._in = queue.Queue()
        self._first = True
        call = self.channel.stream_stream(
            f"/envoy.service.discovery.v3.AggregatedDiscoveryService/{method}",
            request_serializer=request.SerializeToString, response_deserializer=response.FromString)
        self.call = call(iter(self._out.get, _END))
        self.error = None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for response in self.call:
                self._in.put(response)
        except grpc.RpcError as error:
            self.error = error
        self._in.put(_END)

    def send(self, request):
        if self._first:
            request.node.CopyFrom(self.node)
            self._first = False
        self._out.put(request)

    def next(self, kind=None, timeout=5):
        """The next response, which must be of this kind."""
        try:
            response = self._in.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no response ({kind or 'any kind'}) within {timeout} s") from None
        assert response is not _END, f"the stream ended: {self.error}"
        if kind is not None:
            assert KINDS[response.type_url] == kind, f"{KINDS[response.type_url]} came instead of {kind}"
        return response

    def quiet(self, seconds=0.3):
        """Checks that nothing comes for a while."""
        try:
            response = self._in.get(timeout=seconds)
        except queue.Empty:
            return
        raise AssertionError(f"nothing was to come, but: {self.error if response is _END else response}")

    def ended(self, timeout=5):
        """Waits for the end of the stream; gives its status code (None: a clean end)."""
        while self._in.get(timeout=timeout) is not _END:
            pass
        return self.error.code() if self.error else None

    def close(self):
        self._out.put(_END)
        self.call.cancel()
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Delta(_Stream):
    def __init__(self, port, node_id, credentials=None):
        super().__init__(port, node_id, "DeltaAggregatedResources", discovery_pb2.DeltaDiscoveryRequest,
                         discovery_pb2.DeltaDiscoveryResponse, credentials)

    def subscribe(self, kind, *names, known=None):
        """Subscribes to names (none: to all); `known` are the versions that the client has already."""
        self.send(discovery_pb2.DeltaDiscoveryRequest(type_url=URLS[kind], resource_names_subscribe=names,
                                                      initial_resource_versions=known or {}))

    def unsubscribe(self, kind, *names):
        self.send(discovery_pb2.DeltaDiscoveryRequest(type_url=URLS[kind], resource_names_unsubscribe=names))

    def ack(self, response):
        self.send(discovery_pb2.DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce))

    def nack(self, response, message="refused by the test"):
        self.send(discovery_pb2.DeltaDiscoveryRequest(
            type_url=response.type_url, response_nonce=response.nonce,
            error_detail=status_pb2.Status(code=3, message=message)))


class Sotw(_Stream):
    def __init__(self, port, node_id):
        super().__init__(port, node_id, "StreamAggregatedResources", discovery_pb2.DiscoveryRequest,
                         discovery_pb2.DiscoveryResponse)

    def subscribe(self, kind, *names):
        self.send(discovery_pb2.DiscoveryRequest(type_url=URLS[kind], resource_names=names))

    def ack(self, response, *names):
        self.send(discovery_pb2.DiscoveryRequest(type_url=response.type_url, resource_names=names,
                                                 version_info=response.version_info, response_nonce=response.nonce))

    def nack(self, response, *names, version="", message="refused by the test"):
        self.send(discovery_pb2.DiscoveryRequest(
            type_url=response.type_url, resource_names=names, version_info=version, response_nonce=response.nonce,
            error_detail=status_pb2.Status(code=3, message=message)))


def versions(response):
    """{name: version} of a delta response."""
    return {resource.name: resource.version for resource in response.resources}


def decode(response):
    """The messages of a response, by name where they have one."""
    message = MESSAGES[KINDS[response.type_url]][1]
    out = {}
    for resource in response.resources:
        any_message = resource.resource if hasattr(resource, "resource") else resource
        value = message()
        assert any_message.type_url == response.type_url
        value.ParseFromString(any_message.value)
        out[value.cluster_name if hasattr(value, "cluster_name") else value.name] = value
    return out


def client_status(port, credentials=None):
    """What client status discovery says: {node id: config}."""
    with _channel(port, credentials) as channel:
        fetch = channel.unary_unary("/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus",
                                    request_serializer=csds_pb2.ClientStatusRequest.SerializeToString,
                                    response_deserializer=csds_pb2.ClientStatusResponse.FromString)
        return {config.node.id: config for config in fetch(csds_pb2.ClientStatusRequest(), timeout=10).config}
