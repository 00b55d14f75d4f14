// After any sequence of changes the incremental result equals a translation from nothing of the same inputs, and every
// snapshot on the way holds all that it refers to.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "descriptors/testing/compile.h"
#include "tests/golden/world.h"

namespace gloo::testing {
namespace {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int Below(int n) { return static_cast<int>(engine_() % static_cast<unsigned>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }
  template <typename T>
  const T& Of(const std::vector<T>& values) {
    return values[static_cast<size_t>(Below(static_cast<int>(values.size())))];
  }

 private:
  std::mt19937 engine_;
};

std::string Header(const std::string& kind, const std::string& ns, const std::string& name) {
  return "apiVersion: gloo.solo.io/v1\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: " + ns +
         "}\nspec:\n";
}

std::string Upstream(Random& random, const std::string& ns, const std::string& name) {
  std::string text = Header("Upstream", ns, name);
  if (random.OneIn(12))
    return text + "  type: static\n  spec: {hosts: [{addr: 10.0.0.1, port: 70000}]}\n";  // wrong by itself
  if (random.OneIn(8)) {
    return text + "  type: google\n  spec: {url: 'https://a.test', secretRef: " +
           random.Of<std::string>({"s0", "s1", "missing"}) + ", audience: 'https://" +
           random.Of<std::string>({"one", "two", "refused"}) +
           "'}\n  functions: [{name: f0}, {name: f1, spec: {path: /f}}]\n";
  }
  if (random.OneIn(8)) {
    return text + "  type: aws\n  spec: {region: " + random.Of<std::string>({"eu-west-1", "us-east-2", "'EU'"}) +
           ", secretRef: " + random.Of<std::string>({"s0", "s1", "missing"}) +
           "}\n  functions: [{name: f0}, {name: f1, " +
           random.Of<std::string>({"spec: {payload: alb}", "spec: {payload: none}", "spec: {async: true}"}) + "}]\n";
  }
  text += "  type: static\n  spec:\n    hosts: [{addr: " + random.Of<std::string>({"10.0.0.1", "10.0.0.2", "a.test"}) +
          ", port: 80}]\n";
  if (random.OneIn(4)) text += "    http2: true\n";
  if (random.OneIn(3)) {
    text += "    tls: {sni: a.test, caSecretRef: " + random.Of<std::string>({"s0", "s1", "s2", "other/s0"});
    if (random.OneIn(2)) text += ", clientCertSecretRef: " + random.Of<std::string>({"s0", "s1"});
    text += "}\n";
  }
  if (random.OneIn(5)) {
    text +=
        "  serviceInfo: {type: gRPC, properties: {descriptorsFileRef: " + random.Of<std::string>({"p0", "p1", "p2"}) +
        "}}\n  functions: [{name: f0, spec: {method: " + random.Of<std::string>({"Get", "Add"}) + "}}, {name: f1}]\n";
  } else if (!random.OneIn(4)) {
    text += "  serviceInfo: {type: REST}\n  functions:\n";
    text += "  - {name: f0, spec: {path: '/f/{{ default(id, \"" + std::to_string(random.Below(3)) + "\") }}'}}\n";
    if (random.OneIn(2)) {
      text += "  - {name: f1, spec: {body: '" + random.Of<std::string>({"{{ a }}", "{{ b", "x"}) + "'}}\n";
    }
  }
  return text;
}

std::string Destination(Random& random) {
  std::string upstream = random.Of<std::string>({"u0", "u1", "u2", "u3", "missing", "other/u0"});
  if (random.OneIn(2)) return "{upstream: {name: " + upstream + "}}";
  return "{function: {upstreamName: " + upstream + ", functionName: " + random.Of<std::string>({"f0", "f1", "f2"}) +
         "}}";
}

std::string Route(Random& random) {
  std::string text =
      "  - requestMatcher: {" + random.Of<std::string>({"pathPrefix: /a", "pathPrefix: /", "pathExact: /a/b",
                                                        "pathRegex: '/x[0-9]+'", "pathPrefix: /b"});
  if (random.OneIn(25)) text = "  - requestMatcher: {pathRegex: '(['";
  if (random.OneIn(4)) text += ", verbs: [GET, POST]";
  if (random.OneIn(4)) text += ", headers: {x-tier: gold}";
  text += "}\n";
  if (random.OneIn(5)) text = "  - eventMatcher: {eventType: com.test." + std::to_string(random.Below(3)) + "}\n";
  if (random.OneIn(30)) return text;  // no destination
  if (random.OneIn(3)) {
    text += "    multipleDestinations:\n";
    for (int i = 0; i <= random.Below(3); ++i) {
      text += "    - {destination: " + Destination(random) + ", weight: " + std::to_string(random.Below(4)) + "}\n";
    }
  } else {
    text += "    singleDestination: " + Destination(random) + "\n";
  }
  if (random.OneIn(3))
    text += "    extensions: {timeout: 3s, responseTemplate: {body: 'x'}}\n";
  else if (random.OneIn(6))
    text += "    extensions: {parameters: {path: '/a/{id}'}}\n";
  return text;
}

std::string VirtualService(Random& random, const std::string& name) {
  std::string text = Header("VirtualService", "default", name);
  if (!random.OneIn(6)) {
    text += "  domains: [";
    for (int i = 0; i <= random.Below(3); ++i) {
      text +=
          random.Of<std::string>({"a.test", "b.test", "x.b.test", "'*.test'", "'*.b.test'", "'*'", "c.d.test"}) + ", ";
    }
    if (random.OneIn(20)) text += "'bad domain', ";
    text += "]\n";
  }
  if (random.OneIn(3)) {
    text += "  sslConfig: {secretRef: " + random.Of<std::string>({"s0", "s1", "s2", "s3"});
    if (random.OneIn(3)) text += ", sniDomains: [" + random.Of<std::string>({"a.test", "'*.test'", "z.test"}) + "]";
    text += "}\n";
  }
  if (random.OneIn(2)) {
    text += "  roles: [" + random.Of<std::string>({"ingress", "edge", "edge, ingress", "nobody"}) + "]\n";
  }
  text += "  routes:\n";
  for (int i = 0; i <= random.Below(4); ++i) text += Route(random);
  return text;
}

std::string Role(Random& random, const std::string& ns, const std::string& name) {
  std::string text = Header("Role", ns, name);
  if (random.OneIn(3)) text += "  onDemand: true\n";
  text += "  listeners:\n";
  text += "  - {name: http, port: " + std::to_string(8000 + random.Below(2)) + (random.OneIn(6) ? ", tls: true" : "") +
          "}\n";
  if (random.OneIn(2)) text += "  - {name: https, port: 8443, tls: true}\n";
  if (random.OneIn(3))
    text += "  - {name: second, port: 9000, tls: " + random.Of<std::string>({"true", "false"}) + "}\n";
  if (random.OneIn(8)) text += "  - {name: http, port: 7000}\n";  // a double name
  return text;
}

model::NamedDataPtr Secret(Random& random, const std::string& name) {
  const KeyPair& one = PairFor("one.test");
  const KeyPair& two = PairFor("two.test");
  switch (random.Below(8)) {
    case 0:
      return Data(name, {{"tls.crt", one.certificate}, {"tls.key", one.key}, {"ca.crt", one.certificate}});
    case 1:
      return Data(name, {{"tls.crt", two.certificate}, {"tls.key", two.key}, {"ca.crt", two.certificate}});
    case 2:
      return Data(name, {{"tls.crt", one.certificate}, {"tls.key", two.key}});
    case 3:
      return Data(name, {{"ca.crt", two.certificate}});
    case 5:
      return Data(name, {{"access_key", "AKID"}, {"secret_key", random.Of<std::string>({"one", "two"})}});
    case 6:
      return Data(name, {{"access_key", "AKID"}, {"secret_key", "a b"}});
    case 4:
      return Data(name, {{"tls.crt", "garbage"}, {"tls.key", two.key}, {"ca.crt", "garbage"}});
    default:
      return Data(name, {{"other", "value"}});
  }
}

// Descriptors of a service that has two methods, one, or none of them.
model::NamedDataPtr Artifact(Random& random, const std::string& name) {
  static const auto* sets = [] {
    auto* made = new std::vector<std::string>{"garbage"};
    for (const std::string methods :
         {"rpc Get(M) returns (M); rpc Add(M) returns (stream M);", "rpc Get(M) returns (M);"}) {
      made->push_back(descriptors::CompileProtos(
          {{"a.proto", "syntax = \"proto3\"; package a; message M { int32 x = 1; } service S {" + methods + "}"}}));
    }
    return made;
  }();
  return Data(name, {{"set", random.Of(*sets)}});
}

model::ObjectKey Key(model::Kind kind, const std::string& ns, const std::string& name) { return {kind, ns, name}; }

// One change of one thing.
void Change(Random& random, int step, translator::Changes* changes) {
  int what = random.Below(20);
  if (what < 4) {
    std::string name = random.Of<std::string>({"s0", "s1", "s2", "s3"});
    std::string ns = random.OneIn(5) ? "other" : "default";
    changes->secrets.emplace_back(model::DataKey{ns, name}, random.OneIn(5) ? nullptr : Secret(random, name));
    return;
  }
  if (what == 4) {
    std::string name = random.Of<std::string>({"p0", "p1"});
    changes->artifacts.emplace_back(model::DataKey{"default", name},
                                    random.OneIn(5) ? nullptr : Artifact(random, name));
    return;
  }
  model::ObjectKey key;
  std::string text;
  if (what < 10) {
    key = Key(model::Kind::kUpstream, random.OneIn(5) ? "other" : "default",
              random.Of<std::string>({"u0", "u1", "u2", "u3"}));
    text = Upstream(random, key.ns, key.name);
  } else if (what < 18) {
    key = Key(model::Kind::kVirtualService, "default", random.Of<std::string>({"v0", "v1", "v2", "v3", "v4", "v5"}));
    text = VirtualService(random, key.name);
  } else {
    key = Key(model::Kind::kRole, random.Of<std::string>({"default", "other"}),
              random.Of<std::string>({"ingress", "edge"}));
    text = Role(random, key.ns, key.name);
  }
  if (random.OneIn(5)) {
    changes->objects.emplace_back(key, std::nullopt);
    return;
  }
  translator::Entry entry;
  if (random.OneIn(12)) {
    entry.read_issues.push_back({Severity::kError, "UnknownField", "spec.typo", "no such field", {}});
  } else {
    entry.current = Read(text, random.OneIn(3) ? step : 1 + random.Below(5), step);
  }
  changes->objects.emplace_back(key, std::move(entry));
}

// With the tokens that upstreams ask for, which come at once, or are refused.
translator::Result ApplyWithTokens(World& world, const translator::Changes& changes) {
  translator::Result result = world.Apply(changes);
  if (!result.tokens_wanted) return result;
  std::map<model::TokenKey, std::optional<model::Token>> tokens;
  for (const auto& [key, token] : world.translator().Inputs().tokens) tokens[key] = std::nullopt;
  for (const auto& [key, secret] : *result.tokens_wanted) {
    tokens[key] = key.audience == "https://refused" ? model::Token{"", "TokenNotIssued", "no"}
                                                    : model::Token{"token-for-" + key.audience, "", ""};
  }
  translator::Changes more;
  more.tokens.assign(tokens.begin(), tokens.end());
  translator::Result then = world.Apply(more);
  for (translator::Report& report : then.reports) result.reports.push_back(std::move(report));
  for (auto& secret : then.last_good_secrets) result.last_good_secrets.push_back(std::move(secret));
  return result;
}

class IncrementalTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(IncrementalTest, EqualsTranslationFromNothing) {
  Random random(GetParam());
  World world;
  for (int step = 1; step <= 300; ++step) {
    translator::Changes changes;
    for (int i = 0; i <= (random.OneIn(3) ? random.Below(4) : 0); ++i) Change(random, step, &changes);
    ApplyWithTokens(world, changes);
    ASSERT_EQ(world.violations(), std::vector<std::string>()) << "step " << step;

    World from_nothing;
    from_nothing.Apply(world.translator().Inputs());
    ASSERT_EQ(from_nothing.violations(), std::vector<std::string>()) << "step " << step;
    // A role that is served nothing is as good as none.
    for (auto it = world.roles().begin(); it != world.roles().end();) {
      bool empty = true;
      for (int type = 0; type < snapshot::kTypeCount; ++type) {
        empty = empty && it->second.resources(static_cast<snapshot::Type>(type)).empty();
      }
      it = empty ? world.roles().erase(it) : std::next(it);
    }
    ASSERT_EQ(world.Dump(), from_nothing.Dump()) << "step " << step;
    ASSERT_EQ(world.translator().Roles(), from_nothing.translator().Roles()) << "step " << step;
  }
}

// A virtual service of many routes, edited route by route: what is remembered of each is what it would become anew.
TEST_P(IncrementalTest, RoutesThatAreRememberedEqualTranslationFromNothing) {
  Random random(GetParam() + 2000);
  translator::Settings remembers;
  remembers.remember_routes_from = 8;
  World world(remembers);
  std::vector<std::string> routes;
  const auto place = [&] { return routes.begin() + random.Below(static_cast<int>(routes.size())); };
  const auto route = [&] {
    std::string text = Route(random);
    if (random.OneIn(4)) text.insert(text.find("- ") + 2, "name: n" + std::to_string(random.Below(8)) + "\n    ");
    return text;
  };
  for (int i = 0; i < 20; ++i) routes.push_back(route());
  for (int step = 1; step <= 200; ++step) {
    translator::Changes changes;
    if (random.OneIn(3)) Change(random, step, &changes);
    switch (random.Below(5)) {
      case 0:
        *place() = route();
        break;
      case 1:
        routes.insert(place(), route());
        break;
      case 2:
        routes.insert(place(), *place());  // the same twice
        break;
      case 3:
        if (routes.size() > 6) routes.erase(place());
        break;
      case 4:
        std::swap(*place(), *place());
        break;
    }
    // Most have a route that is wrong; a form that has none becomes the last good one.
    std::string text = Header("VirtualService", "default", "large") + "  domains: [large.test]\n  routes:\n";
    for (const std::string& one : routes) text += one;
    changes.objects.emplace_back(Key(model::Kind::kVirtualService, "default", "large"),
                                 translator::Entry{Read(text, 1, step), {}, nullptr});
    ApplyWithTokens(world, changes);
    ASSERT_EQ(world.violations(), std::vector<std::string>()) << "step " << step;
    World from_nothing;
    from_nothing.Apply(world.translator().Inputs());
    ASSERT_EQ(world.Dump(), from_nothing.Dump()) << "step " << step;
  }
}

// What the state directory keeps is what the reports say: with it, and with what the user has now, a new start ends
// where the first run has come to.
TEST_P(IncrementalTest, ARestartWithWhatWasGoodChangesNothing) {
  Random random(GetParam() + 1000);
  World world;
  std::map<model::ObjectKey, model::ObjectPtr> good;
  std::map<model::DataKey, model::NamedDataPtr> good_secrets;
  std::map<model::DataKey, model::NamedDataPtr> artifacts;
  std::map<model::ObjectKey, translator::Entry> now;
  std::map<model::DataKey, model::NamedDataPtr> secrets;
  for (int step = 1; step <= 200; ++step) {
    translator::Changes changes;
    Change(random, step, &changes);
    for (const auto& [key, entry] : changes.objects) {
      if (entry) {
        now[key] = *entry;
      } else {
        now.erase(key);
        good.erase(key);
      }
    }
    for (const auto& [key, data] : changes.secrets) {
      if (data != nullptr) {
        secrets[key] = data;
      } else {
        secrets.erase(key);
      }
    }
    for (const auto& [key, data] : changes.artifacts) artifacts[key] = data;
    translator::Result result = ApplyWithTokens(world, changes);
    for (const translator::Report& report : result.reports) {
      if (report.last_good != nullptr) good[report.key] = report.last_good;
    }
    for (const auto& [key, data] : result.last_good_secrets) {
      if (data != nullptr) {
        good_secrets[key] = data;
      } else {
        good_secrets.erase(key);
      }
    }
    if (step % 10 != 0) continue;
    World restarted;
    translator::Changes kept;
    for (const auto& [key, object] : good) kept.objects.emplace_back(key, translator::Entry{object, {}, object});
    for (const auto& [key, data] : good_secrets) kept.last_good_secrets.emplace_back(key, data);
    // As they were read last.
    for (const auto& [key, data] : artifacts) kept.artifacts.emplace_back(key, data);
    ApplyWithTokens(restarted, kept);
    translator::Changes told;
    for (const auto& [key, entry] : now) told.objects.emplace_back(key, entry);
    for (const auto& [key, data] : secrets) told.secrets.emplace_back(key, data);
    ApplyWithTokens(restarted, told);
    ASSERT_EQ(restarted.violations(), std::vector<std::string>()) << "step " << step;
    ASSERT_EQ(restarted.Dump(), world.Dump()) << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, IncrementalTest, ::testing::Range(1u, 9u));

TEST(IncrementalTest, ApplyingTheSameAgainChangesNothing) {
  Random random(77);
  World world;
  translator::Changes changes;
  for (int step = 1; step <= 40; ++step) Change(random, step, &changes);
  ApplyWithTokens(world, changes);
  translator::Result again = world.Apply(world.translator().Inputs());
  EXPECT_TRUE(again.deltas.empty());
  EXPECT_TRUE(again.reports.empty());
}

}  // namespace
}  // namespace gloo::testing
