"""The xDS server as a client sees it that is not Envoy: what is sent, in which order, and what never is."""

import pytest

from harness.ads import KINDS, Delta, Sotw, client_status, decode, versions
from harness.config import prefix, to, upstream, virtual_service
from harness.waiting import wait_for


@pytest.fixture
def plane(new_gateway):
    """A control plane with two upstreams in use, `one` and `two`, of the hosts one.test and two.test."""
    gateway = new_gateway(command="serve")
    for name, port in (("one", 9001), ("two", 9002)):
        gateway.config.write(f"{name}.yaml", upstream(name, port),
                             virtual_service(name, f"{name}.test", [prefix("/", to(name))]))
    gateway.start()
    gateway.wait_state("VirtualService", "two", "ACCEPTED")
    return gateway


@pytest.fixture
def delta(plane):
    with Delta(plane.ports["xdsPort"], "ingress~raw") as stream:
        yield stream


@pytest.fixture
def sotw(plane):
    with Sotw(plane.ports["xdsPort"], "ingress~raw") as stream:
        yield stream


def move(plane, name, port):
    """Changes the endpoints of an upstream."""
    plane.config.write(f"{name}.yaml", upstream(name, port), virtual_service(name, f"{name}.test", [prefix("/", to(name))]))


def change_route(plane, name, path):
    plane.config.write(f"{name}.yaml", upstream(name, {"one": 9001, "two": 9002}[name]),
                       virtual_service(name, f"{name}.test", [prefix(path, to(name))]))


def change_cluster(plane, name, seconds):
    plane.config.write(f"{name}.yaml", upstream(name, {"one": 9001, "two": 9002}[name],
                                                connectionTimeout=f"{seconds}s"),
                       virtual_service(name, f"{name}.test", [prefix("/", to(name))]))


def load(stream, kind, *names):
    """Subscribes, takes and acknowledges what there is."""
    stream.subscribe(kind, *names)
    response = stream.next(kind)
    stream.ack(response) if isinstance(stream, Delta) else stream.ack(response, *names)
    return response


# Delta.


def test_a_wildcard_subscription_gives_all_and_then_only_what_changes(plane, delta):
    first = load(delta, "cluster")
    assert set(versions(first)) == {"default/one", "default/two"}
    assert len(set(versions(first).values())) == 2
    delta.quiet()
    change_cluster(plane, "two", 7)
    second = delta.next("cluster")
    assert set(versions(second)) == {"default/two"}
    assert versions(second)["default/two"] != versions(first)["default/two"]
    assert decode(second)["default/two"].connect_timeout.seconds == 7
    assert second.nonce and second.nonce != first.nonce
    delta.ack(second)
    # What did not change is not sent.
    change_cluster(plane, "two", 7)
    plane.config.write("other.yaml", upstream("unused", 9003))
    plane.wait_state("Upstream", "unused", "ACCEPTED")
    delta.quiet()


def test_endpoints_are_subscribed_by_name(plane, delta):
    load(delta, "cluster")
    got = load(delta, "endpoints", "default/one")
    assert set(versions(got)) == {"default/one"}
    move(plane, "two", 9009)
    move(plane, "one", 9008)
    response = delta.next("endpoints")
    endpoint = decode(response)["default/one"].endpoints[0].lb_endpoints[0].endpoint
    assert endpoint.address.socket_address.port_value == 9008
    delta.ack(response)
    delta.unsubscribe("endpoints", "default/one")
    # Requests are taken in order: once this one is answered, the one before it is in force.
    load(delta, "endpoints", "default/two")
    move(plane, "one", 9007)
    delta.quiet()


def test_a_name_that_is_not_there_is_said_to_be_gone_and_comes_later(plane, delta):
    load(delta, "cluster")
    delta.subscribe("route", "default/later")
    gone = delta.next("route")
    assert list(gone.removed_resources) == ["default/later"] and not gone.resources
    delta.ack(gone)
    plane.config.write("later.yaml", virtual_service("later", "later.test", [prefix("/", to("one"))]))
    assert set(versions(delta.next("route"))) == {"default/later"}


def test_what_is_removed_is_said_so(plane, delta):
    load(delta, "cluster")
    load(delta, "scope")
    load(delta, "route", "default/one", "default/two")
    plane.config.remove("two.yaml")
    removed = []
    while ("cluster", "default/two") not in removed:
        response = delta.next()
        delta.ack(response)
        removed += [(KINDS[response.type_url], name) for name in response.removed_resources]
    # What refers goes before what it refers to.
    assert removed.index(("scope", "http|two.test")) < removed.index(("cluster", "default/two"))


def test_a_reconnect_with_versions_brings_only_what_changed(plane):
    port = plane.ports["xdsPort"]
    with Delta(port, "ingress~raw") as stream:
        known = versions(load(stream, "cluster"))
    with Delta(port, "ingress~raw") as stream:
        stream.subscribe("cluster", known=known)
        # What is subscribed to next is answered next: of the clusters nothing was sent, or an empty answer.
        stream.subscribe("scope")
        while KINDS[(response := stream.next()).type_url] == "cluster":
            assert not response.resources and not response.removed_resources
    change_cluster(plane, "one", 9)
    wait_for(lambda: any(c["resource"].get("connectTimeout") == "9s" for c in plane.snapshot()["clusters"]), "the change")
    with Delta(port, "ingress~raw") as stream:
        stream.subscribe("cluster", known={**known, "default/long-gone": "x"})
        got, gone = {}, set()
        while not (got and gone):
            response = stream.next("cluster")
            stream.ack(response)
            got |= versions(response)
            gone |= set(response.removed_resources)
        assert (set(got), gone) == ({"default/one"}, {"default/long-gone"})


def test_versions_are_those_of_the_content_also_after_a_restart(plane):
    port = plane.ports["xdsPort"]
    with Delta(port, "ingress~raw") as stream:
        before = {kind: versions(load(stream, kind)) for kind in ("cluster", "scope", "listener")}
    plane.restart()
    with Delta(plane.ports["xdsPort"], "ingress~raw") as stream:
        assert {kind: versions(load(stream, kind)) for kind in before} == before


def test_what_was_refused_is_not_sent_again_but_its_next_version_is(plane, delta):
    load(delta, "cluster")
    change_cluster(plane, "one", 3)
    bad = delta.next("cluster")
    delta.nack(bad, "no such thing")
    delta.quiet(0.5)
    wait_for(lambda: plane.clients()[0]["nacks"] == 1, "the refusal to be counted")
    assert "no such thing" in plane.clients()[0]["lastError"]
    assert plane.metrics().value("gloo_xds_nacks_total") == 1
    node = wait_for(lambda: next((n for n in plane.status("Upstream", "one")["nodes"] if n["state"] == "REFUSED"), None),
                    "the refusal in the status")
    assert (node["id"], node["message"]) == ("ingress~raw", "no such thing")
    # Others go on, and a repaired version is sent.
    change_cluster(plane, "two", 4)
    response = delta.next("cluster")
    assert set(versions(response)) == {"default/two"}
    delta.ack(response)
    change_cluster(plane, "one", 6)
    response = delta.next("cluster")
    assert decode(response)["default/one"].connect_timeout.seconds == 6
    delta.ack(response)
    wait_for(lambda: not any(n["state"] == "REFUSED" for n in plane.status("Upstream", "one")["nodes"]),
             "the end of the refusal")


def test_a_route_comes_only_after_its_cluster_is_acknowledged(plane, delta):
    """Make before break: cluster, then its endpoints, then the route that uses it."""
    load(delta, "cluster")
    load(delta, "endpoints", "default/one", "default/two")
    load(delta, "scope")
    load(delta, "route", "default/one", "default/two")
    plane.config.write("new.yaml", upstream("new", 9100))
    plane.config.write("one.yaml", upstream("one", 9001),
                       virtual_service("one", "one.test", [prefix("/", to("new"))]))
    cluster = delta.next("cluster")
    assert set(versions(cluster)) == {"default/new"}
    delta.quiet(0.3)
    delta.subscribe("endpoints", "default/new")
    endpoints = delta.next("endpoints")
    delta.quiet(0.2)
    delta.ack(endpoints)
    delta.ack(cluster)
    route = delta.next("route")
    assert decode(route)["default/one"].virtual_hosts[0].routes[0].route.cluster == "default/new"
    # The old cluster goes after the route that left it is acknowledged.
    delta.quiet(0.3)
    delta.ack(route)
    removal = delta.next("cluster")
    assert list(removal.removed_resources) == ["default/one"]
    delta.ack(removal)
    # And its endpoints, which are still subscribed to, last.
    assert list(delta.next("endpoints").removed_resources) == ["default/one"]


def test_an_old_nonce_is_no_acknowledgement(plane, delta):
    load(delta, "cluster")
    change_cluster(plane, "one", 3)
    response = delta.next("cluster")
    stale = type(response)()
    stale.CopyFrom(response)
    stale.nonce = "nonsense"
    delta.ack(stale)
    change_cluster(plane, "one", 4)
    client = wait_for(lambda: plane.clients()[0], "the client")
    assert client["converged"] is False
    delta.ack(response)
    assert decode(delta.next("cluster"))["default/one"].connect_timeout.seconds == 4


def test_many_changes_before_an_acknowledgement_are_merged(plane, delta):
    load(delta, "cluster")
    change_cluster(plane, "one", 2)
    first = delta.next("cluster")
    for seconds in range(3, 20):
        change_cluster(plane, "one", seconds)
        wait_for(lambda: f"{seconds}s" in str(plane.snapshot()["clusters"]), "the change")
    delta.quiet(0.1)
    delta.ack(first)
    last = delta.next("cluster")
    assert decode(last)["default/one"].connect_timeout.seconds == 19
    delta.ack(last)
    delta.quiet()


def test_a_client_that_reads_nothing_holds_back_nobody(plane):
    port = plane.ports["xdsPort"]
    with Delta(port, "ingress~asleep") as asleep, Delta(port, "ingress~awake") as awake:
        asleep.subscribe("cluster")
        asleep.subscribe("scope")
        load(awake, "cluster")
        for seconds in range(2, 12):
            change_cluster(plane, "one", seconds)
            response = awake.next("cluster")
            assert decode(response)["default/one"].connect_timeout.seconds == seconds
            awake.ack(response)


# State of the world.


def test_sotw_sends_all_of_a_type_with_a_version(plane, sotw):
    first = load(sotw, "cluster")
    assert set(decode(first)) == {"default/one", "default/two"}
    assert first.version_info and first.nonce
    sotw.quiet()
    change_cluster(plane, "one", 8)
    second = sotw.next("cluster")
    assert set(decode(second)) == {"default/one", "default/two"}
    assert second.version_info != first.version_info
    sotw.ack(second)
    change_cluster(plane, "one", 8)
    sotw.quiet()


def test_sotw_by_name_and_a_subscription_that_grows(plane, sotw):
    load(sotw, "cluster")
    first = load(sotw, "endpoints", "default/one")
    assert set(decode(first)) == {"default/one"}
    sotw.ack(first, "default/one", "default/two")
    second = sotw.next("endpoints")
    assert "default/two" in decode(second)


def test_sotw_does_not_send_again_what_was_refused(plane, sotw):
    first = load(sotw, "cluster")
    change_cluster(plane, "one", 8)
    second = sotw.next("cluster")
    sotw.nack(second, version=first.version_info)
    sotw.quiet(0.5)
    change_cluster(plane, "one", 9)
    third = sotw.next("cluster")
    assert third.version_info not in (first.version_info, second.version_info)
    sotw.ack(third)


def test_sotw_removes_by_leaving_out(plane, sotw):
    load(sotw, "cluster")
    load(sotw, "scope")
    load(sotw, "route", "default/one", "default/two")
    plane.config.remove("two.yaml")

    def names():
        response = sotw.next()
        kind = response.type_url.rsplit(".", 1)[1]
        sotw.ack(response, *(("default/one", "default/two") if kind == "RouteConfiguration" else ()))
        return kind, set(decode(response))

    wait_for(lambda: names() == ("Cluster", {"default/one"}), "clusters without the one that went")


def test_delta_and_sotw_serve_the_same_bytes(plane, delta, sotw):
    for kind in ("cluster", "scope", "listener"):
        one = {r.name: r.resource.value for r in load(delta, kind).resources}
        if kind == "listener":
            # The listener of the table of domains comes first, the others when its parts are there.
            assert set(one) == {"gloo.domains"}
            assert len(load(delta, "extension", *(f"gloo.domains.{part}" for part in range(128))).resources) == 128
            rest = delta.next(kind)
            delta.ack(rest)
            one |= {r.name: r.resource.value for r in rest.resources}
            assert set(one) == {"gloo.domains", "http", "https"}
        other = {r.value for r in load(sotw, kind).resources}
        assert set(one.values()) == other and one


# Secrets and extension configurations.


@pytest.fixture
def pair(plane, authority):
    """A certificate for *.s.test, served; writing another one is up to the test."""
    first = authority.issue("*.s.test")
    plane.secrets.secret("pair", tls_crt=first.crt, tls_key=first.key)
    plane.config.write("s.yaml", virtual_service("s", "*.s.test", [prefix("/", to("one"))],
                                                 sslConfig={"secretRef": "pair"}))
    plane.wait_state("VirtualService", "s", "ACCEPTED")
    return first


def chain(response, name):
    return decode(response)[name].tls_certificate.certificate_chain.inline_bytes.decode()


def test_secrets_by_server_name(plane, delta, pair, authority):
    delta.subscribe("secret", "a.s.test", "other.test")
    response = delta.next("secret")
    assert chain(response, "a.s.test") == pair.crt and list(response.removed_resources) == ["other.test"]
    delta.ack(response)
    second = authority.issue("*.s.test")
    plane.secrets.secret("pair", tls_crt=second.crt, tls_key=second.key)
    response = delta.next("secret")
    assert chain(response, "a.s.test") == second.crt
    delta.ack(response)
    plane.config.remove("s.yaml")
    assert list(delta.next("secret").removed_resources) == ["a.s.test"]


def test_sotw_secrets_by_server_name(plane, sotw, pair, authority):
    first = load(sotw, "secret", "a.s.test")
    assert chain(first, "a.s.test") == pair.crt
    second = authority.issue("*.s.test")
    plane.secrets.secret("pair", tls_crt=second.crt, tls_key=second.key)
    response = sotw.next("secret")
    assert chain(response, "a.s.test") == second.crt
    sotw.ack(response, "a.s.test", "b.s.test")
    assert set(decode(sotw.next("secret"))) == {"b.s.test"}


PARTS = [f"gloo.domains.{part}" for part in range(128)]


def table(response):
    return "".join(part.typed_config.value.decode(errors="replace") for part in decode(response).values())


@pytest.mark.parametrize("kind", [Delta, Sotw])
def test_the_table_of_domains_follows_its_scopes(plane, kind):
    with kind(plane.ports["xdsPort"], "ingress~raw") as stream:
        for of in ("cluster", "scope"):
            load(stream, of)
        assert "wild" not in table(load(stream, "extension", *PARTS))
        plane.config.write("wild.yaml", virtual_service("wild", "*.wild.test", [prefix("/", to("one"))]))
        scope = stream.next("scope")
        assert "http|*.wild.test" in decode(scope)
        stream.quiet(0.2)
        stream.ack(scope)
        assert "wild.test" in table(stream.next("extension"))


# Everything else.


def test_all_references_resolve(plane, delta):
    """What is named by one resource is served: scopes name routes, routes name clusters."""
    clusters = set(versions(load(delta, "cluster")))
    scopes = decode(load(delta, "scope"))
    names = {s.route_configuration_name for s in scopes.values()}
    assert {s.name for s in scopes.values()} == {"http|one.test", "http|two.test"}
    routes = decode(load(delta, "route", *names))
    assert set(routes) == names
    assert {r.route.cluster for c in routes.values() for h in c.virtual_hosts for r in h.routes} <= clusters


def test_an_unknown_type_harms_nobody(plane, delta):
    from envoy.service.discovery.v3 import discovery_pb2

    load(delta, "cluster")
    with Delta(plane.ports["xdsPort"], "ingress~odd") as odd:
        odd.send(discovery_pb2.DeltaDiscoveryRequest(type_url="type.googleapis.com/envoy.unheard.of.v3.Thing"))
        change_cluster(plane, "one", 6)
        assert set(versions(delta.next("cluster"))) == {"default/one"}


def test_a_client_without_a_node_id_is_refused_or_served_as_nobody(plane):
    with Delta(plane.ports["xdsPort"], "") as stream:
        stream.subscribe("cluster")
        try:
            response = stream.next(timeout=2)
        except AssertionError:
            assert stream.error is not None
        else:
            assert not response.resources


def test_an_unknown_role_is_served_a_listener_that_says_so(plane):
    with Delta(plane.ports["xdsPort"], "strangers~1") as stream:
        listeners = decode(load(stream, "listener"))
    assert listeners
    assert all(b"strangers" in listener.SerializeToString() for listener in listeners.values())


def test_client_status_discovery(plane, delta):
    load(delta, "cluster")
    config = wait_for(lambda: client_status(plane.ports["xdsPort"]).get("ingress~raw"), "the client's status")
    names = {c.name for c in config.generic_xds_configs if c.type_url.endswith(".Cluster")}
    assert names == {"default/one", "default/two"}


def test_clients_are_listed_with_what_they_have(plane, delta, sotw):
    load(delta, "cluster")
    load(sotw, "cluster")
    clients = wait_for(lambda: len(c := plane.clients()) == 2 and c, "both clients")
    assert sorted(c["delta"] for c in clients) == [False, True]
    assert {c["userAgent"].split("/")[0] for c in clients} == {"raw"}
    wait_for(lambda: all(c["acks"] >= 1 for c in plane.clients()), "the acknowledgements")


def test_streams_end_when_the_control_plane_does(plane, delta):
    load(delta, "cluster")
    plane.stop()
    delta.ended()
