"""What a function costs a request: each filter against the plain route beside it and what does the same without Gloo;
templates against Jinja."""

import dataclasses
import json
import sys
import time
from base64 import b64encode

import by_hand
import load
import measure
from gateways import Site
from harness import http
from harness.config import API, call, event, exact, prefix, to, upstream, virtual_service
from harness.gateway import ROOT
from harness.grpc_service import Books, descriptors, frame, message
from report import Aim, Group, Row

HOST = "functions.bench.test"
# One KiB of JSON, of which templates read three fields.
PET = {
    "name": "rex", "tag": "dog", "age": 7,
    "owner": {"first": "Ada", "last": "Byron", "address": {"city": "London", "street": "St James's Square 12"}},
    "notes": ["vaccinated", "friendly", "likes water"],
}
FIELDS = "{\"pet\": \"{{ name }}\", \"kind\": \"{{ tag }}\", \"where\": \"{{ owner.address.city }}\"}"


def padded(value, size):
    """JSON of `size` bytes."""
    text = json.dumps({**value, "comment": ""})
    return text[:-2] + "x" * (size - len(text)) + text[-2:]


def pets(size):
    """JSON of nearly `size` bytes, many small values."""
    one = len(json.dumps({**PET, "id": 100000})) + 2
    return json.dumps({**PET, "pets": [{**PET, "id": 100000 + i} for i in range((size - one) // one - 1)]})


SMALL = padded(PET, 1024)
LIST = json.dumps({"pets": [{"id": i, "name": f"pet {i}", "tag": ("dog", "cat")[i % 2]} for i in range(100)]})
# The default of maxBodyBytes is 1 MiB.
LARGE = pets(1_000_000)
PAID = "com.example.order.paid"
EVENT = padded({"specversion": "1.0", "id": "1", "source": "/shop", "type": PAID, "data": PET}, 1024)
HELLO = {"name": "rex", "count": 7}

FUNCTIONS = {
    "headers": {"path": "/pets/{{ id }}", "headers": {"x-agent": "via {{ header(\"x-tenant\") }}"}},
    "body": {"path": "/api/pets", "body": FIELDS},
    "list": {"path": "/api/pets", "body": "[{% for p in pets %}{\"no\": {{ p.id }}, \"pet\": \"{{ p.name }}\""
                                          "{% if p.tag == \"dog\" %}, \"barks\": true{% endif %}}"
                                          "{% if not loop.is_last %}, {% endif %}{% endfor %}]"},
    "answer": {"response": {"body": FIELDS}},
}
# The same templates for Jinja, with the values escaped as Gloo escapes them.
JINJA = {
    "/body": "{\"pet\": {{ name|tojson }}, \"kind\": {{ tag|tojson }}, \"where\": {{ owner.address.city|tojson }}}",
    "/list": "[{% for p in pets %}{\"no\": {{ p.id }}, \"pet\": {{ p.name|tojson }}"
             "{% if p.tag == \"dog\" %}, \"barks\": true{% endif %}}{% if not loop.last %}, {% endif %}{% endfor %}]",
}
JSON = {"content-type": "application/json"}


@dataclasses.dataclass
class Case:
    name: str
    path: str
    body: str | bytes | None = None
    headers: dict = dataclasses.field(default_factory=dict)
    # The case without the filter, and what the filter may add to its CPU, in percent.
    base: str | None = None
    aim: float | None = None
    # What does the same in the other Envoy: {label: path}; "by hand" is the same filter.
    peers: dict = dataclasses.field(default_factory=dict)
    # How much more CPU than by hand, in percent.
    aim_by_hand: float | None = None
    # The upstream shows what came, so that the two sides are compared.
    echoed: bool = False
    # Of the requests of a turn.
    share: float = 1.0


GET, POST, BIG, LONG = "plain, GET", "plain, POST 1 KB", "plain, GET of 1 KB", "plain, POST 1 MB"
LISTED, GRPC = "plain, POST a list of 100", "gRPC passed on"
HAND, WEB, LUA, AWS = "by hand", "by hand with gRPC-Web", "Lua", "aws_lambda"
GRPC_HEADERS = {"content-type": "application/grpc", "te": "trailers"}
# A case stands near the one that it is compared with.
CASES = [
    Case(GET, "/plain/7", headers={"x-tenant": "blue"}, peers={HAND: "/plain/7"}),
    Case("headers only, GET", "/headers/7", None, {"x-tenant": "blue"}, GET, 5, {LUA: "/headers/7"}, echoed=True),
    Case(POST, "/plain", SMALL, JSON, peers={HAND: "/plain"}),
    # What it adds is nothing: the figure shows how far the others can be trusted.
    Case("the same once more", "/plain", SMALL, JSON, POST),
    Case("request body, POST 1 KB", "/body", SMALL, JSON, POST, 12, {LUA: "/body"}, echoed=True),
    Case("event in the body, POST 1 KB", "/events", EVENT, {"content-type": "application/cloudevents+json"}, POST),
    Case("Lambda raw, POST 1 KB", "/raw", SMALL, JSON, POST, None, {HAND: "/raw", AWS: "/aws/raw"}, 3),
    Case("Lambda apiGatewayV2, POST 1 KB", "/web", SMALL, JSON, POST, None, {HAND: "/web", AWS: "/aws/web"}, 3),
    Case(BIG, "/plain/big", peers={HAND: "/plain/big"}),
    Case("response body, GET of 1 KB", "/big", base=BIG, peers={LUA: "/big"}),
    Case(LISTED, "/plain", LIST, JSON, peers={HAND: "/plain"}),
    Case("a loop over a list of 100", "/list", LIST, JSON, LISTED),
    Case(LONG, "/plain", LARGE, JSON, peers={HAND: "/plain"}, share=0.02),
    Case("request body, POST 1 MB", "/body", LARGE, JSON, LONG, peers={LUA: "/body"}, echoed=True, share=0.02),
    Case(GRPC, "/shop.v1.Shelves/Hello", frame(message("HelloRequest")(**HELLO)), GRPC_HEADERS,
         peers={HAND: "/shop.v1.Shelves/Hello"}),
    Case("gRPC from JSON", "/shop.v1.Books/Hello", json.dumps(HELLO), JSON, GRPC, None,
         {HAND: "/shop.v1.Books/Hello", WEB: "/shop.v1.Shelves/Hello"}, 3),
]
RENDERED = ["request body, POST 1 KB", "a loop over a list of 100", "request body, POST 1 MB"]

TITLE = "CPU of Envoy for a request, and what a filter adds to that of the plain route"
TIMES_TITLE = "Requests a second and their time at four connections, one worker"
TEMPLATES_TITLE = "A body read and a template rendered: what it adds to Envoy's CPU; json.loads and render() of Jinja"
# A machine that others use too is slower at one moment than at the next: many short turns, each compared with the one
# beside it, tell more than a few long ones.
ROUNDS, QUICK_ROUNDS = 40, 12
REQUESTS, QUICK_REQUESTS = 1000, 300


def write(site, port, grpc_port):
    """The configuration: each case's path is a route."""
    def of(kind, name, functions, **spec):
        return {"apiVersion": API, "kind": "Upstream", "metadata": {"name": name},
                "spec": {"type": kind, "functions": [{"name": n, "spec": s} for n, s in functions.items()], **spec}}

    hosts = {"hosts": [{"addr": "127.0.0.1", "port": grpc_port}]}
    site.secrets.write("aws-keys/access_key", by_hand.ACCESS_KEY)
    site.secrets.write("aws-keys/secret_key", by_hand.SECRET_KEY)
    site.config.write(
        "bench.yaml", upstream("backend", port, functions=FUNCTIONS),
        of("aws", "lambda", {"price": {}, "web": {"payload": "apiGatewayV2"}},
           spec={"region": by_hand.REGION, "endpoint": f"http://127.0.0.1:{port}", "secretRef": "aws-keys"}),
        of("static", "grpc", {"Books.Hello": {}}, spec=hosts, serviceInfo={"type": "gRPC", "properties": {
            "descriptors": b64encode(descriptors()).decode()}}),
        of("static", "h2", {}, spec={**hosts, "http2": True}),
        virtual_service("bench", HOST, [
            prefix("/headers/", call("backend", "headers"), extensions={"parameters": {"path": "/headers/{id}"}}),
            prefix("/body", call("backend", "body")), prefix("/list", call("backend", "list")),
            prefix("/big", call("backend", "answer")), prefix("/plain", to("backend")),
            event(PAID, to("backend")),
            prefix("/raw", call("lambda", "price")), prefix("/web", call("lambda", "web")),
            exact("/shop.v1.Shelves/Hello", to("h2")), exact("/shop.v1.Books/Hello", call("grpc", "Books.Hello")),
        ]))


def answer(port, path, case, headers):
    got = http.request(port, HOST, path, method="GET" if case.body is None else "POST", headers=headers, body=case.body)
    if got.status != 200:
        raise RuntimeError(f"{case.name}: {path} on port {port} answers {got!r}")
    return got


def check(site, other, jinja):
    """Figures of what does not do the same would be worth nothing."""
    for case in CASES:
        headers = {**case.headers, **(by_hand.ECHO if case.echoed else {})}
        ours = answer(site.http_port, case.path, case, headers)
        for label, path in case.peers.items():
            theirs = answer(other.port, path, case, headers)
            # A gRPC service answers with its name, and the two stand for each other.
            same = [(got.body.replace(b"Shelves", b"Books"), got.header("x-agent")) for got in (ours, theirs)]
            if same[0] != same[1]:
                raise RuntimeError(f"{case.name}: {label} gives {same[1]!r}, Gloo {same[0]!r}")
    for name in RENDERED:
        case = next(case for case in CASES if case.name == name)
        sent = answer(site.http_port, case.path, case, {**JSON, **by_hand.ECHO}).text.split("\n", 1)[1]
        if json.loads(sent) != json.loads(jinja[name].render()):
            raise RuntimeError(f"{name}: Jinja renders {jinja[name].render()[:300]!r}, Gloo {sent[:300]!r}")


class Jinja:
    """The reference: what a server in Python would do with a body and a template."""

    FOLDER = ROOT / ".venv/functions-framework"

    def __init__(self, source, body):
        # It is among what tools/functions-framework.txt pins, in a folder of its own.
        if str(self.FOLDER) not in sys.path:
            sys.path.append(str(self.FOLDER))
        try:
            import jinja2
        except ImportError as error:
            raise RuntimeError("Jinja is missing: run tools/setup --test") from error
        self.template = jinja2.Template(source)
        self.body = body
        self.times = max(1, 100_000 // len(body))

    def render(self):
        return self.template.render(json.loads(self.body))

    def microseconds(self):
        began = time.thread_time_ns()
        for _ in range(self.times):
            self.render()
        return (time.thread_time_ns() - began) / 1000 / self.times


@dataclasses.dataclass
class Turns:
    """What the turns of one load have seen, one figure a turn: CPU in microseconds a request, requests a second, p50
    and p99 of their times in microseconds."""

    cpu: list = dataclasses.field(default_factory=list)
    rate: list = dataclasses.field(default_factory=list)
    p50: list = dataclasses.field(default_factory=list)
    p99: list = dataclasses.field(default_factory=list)

    def add(self, cpu, turn):
        self.cpu.append(cpu)
        self.rate.append(turn.rate)
        self.p50.append(measure.median(turn.times))
        self.p99.append(measure.percentile(turn.times, 0.99))


def interleaved(context, loads, jinja):
    """({(label, case): Turns}, {case: [microseconds of Jinja]}) of {(label, case): (pid, batch, requests)}."""
    results, rendered = {key: Turns() for key in loads}, {name: [] for name in jinja}
    for _, batch, requests in loads.values():
        batch.run(requests)  # connections, branch predictors and buffers get warm
    rounds = 2 if context.tiny else QUICK_ROUNDS if context.quick else ROUNDS
    for number in range(rounds):
        # Each round in the other direction: what the machine does meanwhile hits all alike.
        for key in list(loads)[:: 1 if number % 2 == 0 else -1]:
            pid, batch, requests = loads[key]
            before = measure.cpu_ns(pid)
            turn = batch.run(requests)
            results[key].add((measure.cpu_ns(pid) - before) / 1000 / requests, turn)
        for name, template in jinja.items():
            rendered[name].append(template.microseconds())
        if (number + 1) % 4 == 0:
            context.say(f"functions: round {number + 1} of {rounds}")
    return results, rendered


def difference(values, others):
    """The median of the differences within each round."""
    return measure.median([value - other for value, other in zip(values, others)])


def share(values, others):
    """The same in percent."""
    return measure.median([100 * (value - other) / other for value, other in zip(values, others)])


def without_filter(results, label, case):
    """The turns of the plain route in the same Envoy."""
    return results["Gloo" if label == "Gloo" else HAND, case.base]


def cpu_rows(results):
    rows = []
    for case in CASES:
        ours = results["Gloo", case.name].cpu
        others = {label: results[label, case.name].cpu for label in case.peers}
        rows.append(Row(case.name, "us", measure.median(ours), measure.percentile(ours, 0.99),
                        peers={label: measure.median(values) for label, values in others.items()}))
        if case.base is not None:
            base = {label: without_filter(results, label, case).cpu for label in ("Gloo", *others)}
            for unit, figure in (("us", difference), ("%", share)):
                rows.append(Row(f"{case.name}, added", unit, figure(ours, base["Gloo"]),
                                aim=Aim(case.aim) if case.aim and unit == "%" else None,
                                peers={label: figure(values, base[label]) for label, values in others.items()}))
        for label in (label for label in others if label in (HAND, WEB)):
            aim = Aim(case.aim_by_hand) if case.aim_by_hand else None
            rows.append(Row(f"{case.name}, more than {label}", "%", share(ours, others[label]), aim=aim))
            if case.base is not None:
                # Both sides have the filter; what their listeners differ in is taken off.
                more = [100 * ((mine - plain) - (theirs - other)) / theirs for mine, plain, theirs, other in
                        zip(ours, base["Gloo"], others[label], base[label])]
                rows.append(Row(f"{case.name}, more than {label}, the filter alone", "%", measure.median(more), aim=aim))
    return rows


def time_rows(results):
    rows = []
    for case in CASES:
        ours = results["Gloo", case.name]
        others = {label: results[label, case.name] for label in case.peers}
        rows.append(Row(f"{case.name}: requests", "1/s", measure.median(ours.rate),
                        peers={label: measure.median(turns.rate) for label, turns in others.items()}))
        rows.append(Row(f"{case.name}: time", "us", measure.median(ours.p50), measure.median(ours.p99),
                        peers={label: measure.median(turns.p50) for label, turns in others.items()}))
        if case.base is not None:
            base = without_filter(results, "Gloo", case)
            rows.append(Row(f"{case.name}: requests, added", "%", share(ours.rate, base.rate),
                            peers={label: share(turns.rate, without_filter(results, label, case).rate)
                                   for label, turns in others.items()}))
            rows.append(Row(f"{case.name}: time, added", "us", difference(ours.p50, base.p50),
                            difference(ours.p99, base.p99),
                            peers={label: difference(turns.p50, without_filter(results, label, case).p50)
                                   for label, turns in others.items()}))
    return rows


def template_rows(results, rendered):
    rows = []
    for case in CASES:
        if case.name in rendered:
            base = without_filter(results, "Gloo", case).cpu
            others = {label: difference(results[label, case.name].cpu, without_filter(results, label, case).cpu)
                      for label in case.peers}
            rows.append(Row(case.name, "us", difference(results["Gloo", case.name].cpu, base), size=len(case.body),
                            peers={"Jinja": measure.median(rendered[case.name]), **others}))
    return rows


def run(context):
    jinja = {case.name: Jinja(JINJA[case.path], case.body) for case in CASES if case.name in RENDERED}
    books = Books()
    backend = other = None
    try:
        backend = by_hand.upstream(context.folder, SMALL)
        other = by_hand.envoy(context.folder, backend.port, books.port, descriptors())
        with Site(context.folder, "functions") as site:
            write(site, backend.port, books.port)
            site.start()
            site.wait_status(HOST, "/plain")
            check(site, other, jinja)
            loads = {}
            for case in CASES:
                requests = max(4, int(case.share * (QUICK_REQUESTS if context.quick or context.tiny else REQUESTS)))
                for label, path in {"Gloo": case.path, **case.peers}.items():
                    pid, port = (site.envoy_pid, site.http_port) if label == "Gloo" else (other.pid, other.port)
                    batch = load.Batch(context.folder, f"functions-{len(loads)}", port, HOST, path,
                                       "GET" if case.body is None else "POST", case.headers, case.body)
                    loads[label, case.name] = pid, batch, requests
            results, rendered = interleaved(context, loads, jinja)
            site.check()
    finally:
        for ended in (other, backend):
            if ended:
                ended.stop()
        books.close()
    return [Group("functions", TITLE, cpu_rows(results), plotted=False),
            Group("functions-times", TIMES_TITLE, time_rows(results), plotted=False),
            Group("functions-templates", TEMPLATES_TITLE, template_rows(results, rendered), plotted=False)]
