"""What Envoy refuses although our checks let it pass: the one route is held back, all others go on, and it is said.

The program has a plugin more, which gives the filter of transformations what the test writes; the filter, and with it
Envoy, refuses what is no transformation.
"""

import json
import re

import pytest

from harness import gateway as gateways
from harness import http
from harness.config import prefix, to, upstream, virtual_service
from harness.waiting import wait_for

PROGRAM = gateways.BUILD / "tests/programs/gloo_unchecked"
# Envoy's words; the filter's own are in Envoy's log.
WORDS = "Failed to create pre-route filter config: Failed to initialize per-route dynamic module"
NODE = "ingress~1"


def adds(value):
    return json.dumps({"request": {"headers": [{"name": "x-made", "value": value}]}})


def route(path, transformation, **more):
    return prefix(path, to("echo"), extensions={"uncheckedTransformation": transformation}, **more)


def with_all_statistics(bootstrap):
    bootstrap.pop("statsConfig", bootstrap.pop("stats_config", None))


class Shop:
    def __init__(self, gateway):
        self.gateway = gateway
        self.envoy = None

    def write(self, *routes):
        self.gateway.config.write("shop.yaml", virtual_service("shop", "shop.test", list(routes)))

    def answer(self, path):
        """What `x-made` the backend saw, or the status and body of another answer."""
        response = http.request(self.envoy.listeners()["http"], "shop.test", path)
        return response.json()["headers"].get("x-made") if response.status == 200 else (response.status, response.text)

    def wait(self, **answers):
        def there():
            seen = {path: self.answer(f"/{path}") for path in answers}
            assert seen == answers, seen
            return True

        wait_for(there, f"{answers}")

    def wait_told(self, *lines):
        def told():
            status = self.gateway.status("VirtualService", "shop")
            seen = [f"{i['severity']} {i['reason']} {i.get('path', '')}: {i['message']}" for i in status["issues"]]
            assert seen == list(lines), seen
            return status

        return wait_for(told, f"{lines}")

    def rejections(self):
        """Of the route configuration, as Envoy counts them."""
        found = re.findall(r"\.rds\.default/shop\.update_rejected: (\d+)", self.envoy.admin("/stats").text)
        assert len(found) == 1, found
        return int(found[0])

    def proxy_status(self, *args):
        """The lines of `glooctl proxy status`, without the headings, the times and more than one space between columns."""
        done = self.gateway.ctl("proxy", "status", *args)
        assert done.returncode == 0, done.stderr
        lines = re.sub(r"\d{4}-\d\d-\d\dT[0-9:]+Z", "TIME", done.stdout).splitlines()
        return tuple(" ".join(line.split()).replace(" TIME ", " ") if line.startswith(NODE) and "TIME:" not in line else line
                     for line in lines if not line.startswith("NODE "))

    def programmed(self):
        condition, = self.gateway.status("VirtualService", "shop")["conditions"]
        return condition


HELD = (503, "this route is not available\n")


@pytest.fixture
def shop(new_gateway, echo, start_envoy):
    shop = Shop(new_gateway(command="serve", program=PROGRAM))
    shop.gateway.config.write("echo.yaml", upstream("echo", echo.port), virtual_service(
        "other", "other.test", [prefix("/", to("echo"))]))

    def start():
        shop.gateway.start()
        shop.envoy = start_envoy(shop.gateway, NODE, edit=with_all_statistics)
        wait_for(lambda: "http" in shop.envoy.listeners(), "the listener")

    shop.start = start
    return shop


def test_the_bad_one_of_new_routes_answers_503_until_it_is_mended(shop):
    shop.write(route("/a", adds("1")), route("/b", "no transformation"), route("/c", adds("1")))
    shop.start()
    shop.wait(a="1", b=HELD, c="1")
    status = shop.wait_told(
        f"Warning RefusedByEnvoy spec.routes[1]: Envoy {NODE} refuses this route, which answers 503 there: {WORDS}")
    assert status["state"] == "WARNING" and status["issues"][0]["file"].endswith("shop.yaml")
    assert status["nodes"] == [{"id": NODE, "state": "REFUSED", "message": WORDS}]
    assert shop.programmed() == {"type": "Programmed", "status": "False", "reason": "Refused",
                                 "message": f"Envoy {NODE} refuses it: {WORDS}", "observedGeneration": 1}
    assert shop.proxy_status("--node", NODE) == (
        f"{NODE} ingress endpoint 1 0 0", f"{NODE} ingress cluster 1 0 0", f"{NODE} ingress route 1 0 1",
        f"{NODE} ingress scoped_route 2 0 0", f"{NODE} ingress extension_config 128 0 0",
        f"{NODE} ingress listener 3 0 0", "", f"{NODE} refuses route default/shop since TIME: {WORDS}",
        f"  route-1 answers 503: {WORDS}")
    assert shop.proxy_status("--node", "ingress~9") == ("no Envoy is connected",)
    metrics = shop.gateway.metrics()
    assert metrics.value("gloo_refused_resources", node=NODE, type="route") == 1
    assert metrics.value("gloo_xds_nacks_total") == shop.rejections()

    # Edits of the others arrive; the bad one is tried once more with each of them.
    shop.write(route("/a", adds("2")), route("/b", "no transformation"), route("/c", adds("1")), route("/d", adds("2")))
    shop.wait(a="2", b=HELD, c="1", d="2")
    shop.wait_told(
        f"Warning RefusedByEnvoy spec.routes[1]: Envoy {NODE} refuses this route, which answers 503 there: {WORDS}")

    shop.write(route("/a", adds("2")), route("/b", adds("mended")), route("/c", adds("1")))
    shop.wait(a="2", b="mended", c="1")
    shop.wait_told()
    shop.gateway.wait_state("VirtualService", "shop", "ACCEPTED")
    assert shop.programmed() == {"type": "Programmed", "status": "True", "reason": "Programmed",
                                 "observedGeneration": 3}
    assert shop.gateway.metrics().value("gloo_refused_resources") == 0
    assert shop.gateway.metrics().value("gloo_xds_nacks_total") == shop.rejections()


def test_a_route_that_was_good_keeps_its_last_good_form(shop):
    shop.write(route("/a", adds("1")), route("/b", adds("1")))
    shop.start()
    shop.wait(a="1", b="1")
    shop.write(route("/a", adds("2")), route("/b", "no transformation"))
    shop.wait(a="2", b="1")
    shop.wait_told(
        f"Warning RefusedByEnvoy spec.routes[1]: Envoy {NODE} refuses this route and keeps its last good form: {WORDS}")


def test_a_refused_version_is_not_sent_again(shop):
    shop.write(route("/a", adds("1")), route("/b", adds("1")))
    shop.start()
    shop.wait(a="1", b="1")
    assert shop.rejections() == 0
    shop.write(route("/a", adds("1")), route("/b", "no transformation"))
    shop.wait_told(
        f"Warning RefusedByEnvoy spec.routes[1]: Envoy {NODE} refuses this route and keeps its last good form: {WORDS}")
    # One route changed: it is the culprit, and what is left of the change is what Envoy has.
    assert shop.rejections() == 1
    for i in range(3):
        shop.gateway.config.write("other.yaml", virtual_service(f"other-{i}", f"other-{i}.test", [prefix("/", to("echo"))]))
        port = shop.envoy.listeners()["http"]
        wait_for(lambda: http.request(port, f"other-{i}.test", "/").status == 200, "the other service")
    assert shop.rejections() == 1
    shop.wait(a="1", b="1")


def test_the_culprits_among_many_are_found_one_by_one(shop):
    bad = {3, 41, 42}
    shop.write(*[route(f"/{i}/", f"bad {i}" if i in bad else adds("1")) for i in range(60)])
    shop.start()
    shop.wait(**{f"{i}/": HELD if i in bad else "1" for i in range(60)})
    shop.wait_told(*[f"Warning RefusedByEnvoy spec.routes[{i}]: Envoy {NODE} refuses this route, which answers 503 there: "
                     f"{WORDS}" for i in sorted(bad)])
    # At most seven steps to each, and one with all that is left.
    assert shop.rejections() <= 3 * 8
    assert shop.gateway.metrics().value("gloo_xds_nacks_total") == shop.rejections()


def test_an_envoy_that_comes_later_is_told_what_was_found(shop, start_envoy):
    shop.write(route("/a", adds("1")), route("/b", "no transformation"), route("/c", adds("1")))
    shop.start()
    shop.wait(a="1", b=HELD, c="1")
    first = shop.envoy
    shop.envoy = start_envoy(shop.gateway, "ingress~2", edit=with_all_statistics)
    first.stop()
    wait_for(lambda: "http" in shop.envoy.listeners(), "the listener")
    shop.wait(a="1", b=HELD, c="1")
    shop.wait_told(
        f"Warning RefusedByEnvoy spec.routes[1]: Envoy ingress~2 refuses this route, which answers 503 there: {WORDS}")
