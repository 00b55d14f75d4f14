"""A world with load on it, and the kinds of changes that it must take without losing a request."""

from .certs import server_tls
from .config import exact, prefix, to, upstream, virtual_service
from .waiting import wait_for

HOST = "soak.test"
# What is asked for over TLS: clients that ask for the name of the URL must be able to resolve it.
TLS_HOST = "localhost"


class Served:
    """An Envoy that `gloo serve` serves, where load finds what it looks for at a gateway."""

    def __init__(self, envoy, flags):
        self.envoy_admin = envoy.admin
        self.http_port, self.https_port = flags["http-port"], flags["https-port"]


class World:
    """A control plane with a route for HOST and one for TLS_HOST, and the backends that they may lead to."""

    def __init__(self, gateway, backends, authority, folder):
        self.gateway, self.authority = gateway, authority
        make = lambda name, **more: backends(name, keep=False, **more)
        self.one, self.two, self.of_tls = make("one"), make("two"), make("of-tls")
        names = server_tls(authority.issue("a.inside", "b.inside"), folder)
        self.secure, self.other_secure = make("secure", tls=names), make("other", tls=names)
        self.backends = [self.one, self.two, self.secure, self.other_secure]
        for backend in [*self.backends, self.of_tls]:
            backend.reply = lambda seen, backend=backend: (200, {"content-type": "text/plain"}, backend.name)
        self.settled = 0

    def begin(self):
        for authorities in ("ca-1", "ca-2"):
            self.gateway.secrets.secret(authorities, ca_crt=self.authority.crt)
        a_certificate_is_rotated(self, 0)
        self.write("up", upstream("up", self.one.port))
        self.write("service", virtual_service("service", HOST, [prefix("/", to("up"))]))
        self.write("tls", upstream("of-tls", self.of_tls.port),
                   virtual_service("tls", TLS_HOST, [prefix("/", to("of-tls"))], sslConfig={"secretRef": "pair"}))
        self.gateway.start()
        self.settle()

    def write(self, name, *objects):
        self.gateway.config.write(f"{name}.yaml", *objects)

    def settle(self):
        """All that was written has been taken, and every Envoy has it."""
        self.settled += 1
        marker = f"settled-{self.settled}"
        self.write("settled", upstream(marker, self.one.port))
        self.gateway.wait_state("Upstream", marker, "ACCEPTED", timeout=30)
        wait_for(lambda: (clients := self.gateway.clients()) and all(client["converged"] for client in clients),
                 "Envoy to have everything", 30)


# Each change is a function of the world and a counter; it leaves the route `/` of HOST good.

def routes_come_and_go(world, turn):
    routes = [prefix("/", to("up"))] if turn % 2 else [exact(f"/new-{turn}", to("up")), prefix("/", to("up"))]
    world.write("service", virtual_service("service", HOST, routes))


def a_route_moves_to_another_upstream(world, turn):
    name = f"up-{turn}"
    world.write(name, upstream(name, (world.one, world.two)[turn % 2].port))
    world.write("service", virtual_service("service", HOST, [prefix("/", to(name))]))
    (world.gateway.config.path / f"up-{turn - 1}.yaml").unlink(missing_ok=True)


def an_upstream_is_replaced_under_its_name(world, turn):
    kinds = [{"hosts": [{"addr": "127.0.0.1", "port": world.one.port}]},
             {"hosts": [{"addr": "localhost", "port": world.two.port}]},
             {"hosts": [{"addr": "127.0.0.1", "port": backend.port} for backend in (world.one, world.two)]}]
    world.write("up", upstream("up", spec=kinds[turn % 3]))


def an_upstream_changes_its_settings(world, turn):
    world.write("up", upstream("up", world.one.port, connectionTimeout=f"{1 + turn % 5}s"))


def an_upstream_changes_its_tls_settings(world, turn):
    tls = [{"sni": "a.inside", "caSecretRef": "ca-1"}, {"sni": "b.inside", "caSecretRef": "ca-2"},
           {"sni": "b.inside", "insecureSkipVerify": True}][turn % 3]
    world.write("up", upstream("up", world.secure.port, spec={"tls": tls}))


def an_upstream_goes_to_tls_and_back(world, turn):
    tls = {"sni": "a.inside", "caSecretRef": "ca-1"}
    world.write("up", [upstream("up", world.one.port), upstream("up", world.secure.port, spec={"tls": tls}),
                       upstream("up", world.two.port),
                       upstream("up", world.other_secure.port, spec={"tls": tls})][turn % 4])


def endpoints_move_between_two_ports(world, turn):
    world.write("up", upstream("up", (world.one, world.two)[turn % 2].port))


def a_domain_moves_to_another_virtual_service(world, turn):
    mine, other = ("service", "other") if turn % 2 else ("other", "service")
    world.write("service", virtual_service(mine, HOST, [prefix("/", to("up"))]),
                virtual_service(other, f"{other}.{HOST}", [prefix("/", to("up"))]))


def a_virtual_service_gets_another_name(world, turn):
    world.write("service", virtual_service(f"service-{turn}", HOST, [prefix("/", to("up"))]))


def a_wildcard_covers_the_domain(world, turn):
    domains = [["*.test"], ["*"], [HOST]][turn % 3]
    more = [virtual_service("exact", HOST, [prefix("/", to("up"))])] if turn % 2 else []
    if domains == [HOST] and more:
        more = []
    world.write("service", virtual_service("service", domains, [prefix("/", to("up"))]), *more)


def a_certificate_is_rotated(world, turn):
    world.pair = world.authority.issue(TLS_HOST)
    world.gateway.secrets.secret("pair", tls_key=world.pair.key, tls_crt=world.pair.crt)


KINDS = [routes_come_and_go, a_route_moves_to_another_upstream, an_upstream_is_replaced_under_its_name,
         an_upstream_changes_its_settings, an_upstream_changes_its_tls_settings, an_upstream_goes_to_tls_and_back,
         endpoints_move_between_two_ports, a_domain_moves_to_another_virtual_service,
         a_virtual_service_gets_another_name, a_wildcard_covers_the_domain]
