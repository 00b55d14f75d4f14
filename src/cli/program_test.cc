// Whole commands on folders of their own: what they print, and how they end.
#include "cli/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "cli/verb.h"

namespace gloo::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kUpstream[] = R"(apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: pets}
spec:
  type: static
  spec: {hosts: [{addr: 127.0.0.1, port: 9080}]}
  serviceInfo: {type: REST}
  functions:
  - name: find
    spec: {path: '/found/{{ id }}', headers: {x-made: '{{ header("x-in") }}'}}
  - name: add
    spec: {path: /add, body: '{"name": "{{ name }}"}'}
)";

constexpr char kShop[] = R"(apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  domains: [shop.test, '*.wild.test']
  routes:
  - name: health
    requestMatcher: {pathExact: /health}
    singleDestination: {upstream: {name: pets}}
  - name: find
    requestMatcher: {pathPrefix: /pets/}
    singleDestination: {function: {upstreamName: pets, functionName: find}}
    extensions: {parameters: {path: '/pets/{id}'}, timeout: 3s}
  - requestMatcher: {pathPrefix: /add, verbs: [POST]}
    singleDestination: {function: {upstreamName: pets, functionName: add}}
  - name: split
    requestMatcher: {pathPrefix: /split}
    multipleDestinations:
    - {destination: {upstream: {name: pets}}, weight: 3}
    - {destination: {function: {upstreamName: pets, functionName: add}}, weight: 1}
  - name: old
    requestMatcher: {pathPrefix: /old}
    singleDestination: {upstream: {name: pets}}
    prefixRewrite: /new
  - name: missing
    requestMatcher: {pathPrefix: /missing}
    singleDestination: {upstream: {name: nothing}}
)";

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    for (const char* name : {"GLOO_ADMIN", "GLOO_CONFIG_DIR", "GLOO_STATE_DIR"}) unsetenv(name);
    std::string folder = std::filesystem::temp_directory_path() / "glooctl.XXXXXX";
    dir_ = mkdtemp(folder.data());
    old_ = std::filesystem::current_path();
    std::filesystem::current_path(dir_);
  }
  ~ProgramTest() override {
    std::filesystem::current_path(old_);
    std::filesystem::remove_all(dir_);
  }

  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path("./" + path).parent_path());
    std::ofstream(path) << text;
  }
  std::string Read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void WriteConfig() {
    Write("config/pets.yaml", kUpstream);
    Write("config/shop.yaml", kShop);
  }

  // Nothing listens on port 1.
  int Run(std::vector<std::string> args, const std::string& in = "") {
    args.insert(args.begin(), {"--admin", "127.0.0.1:1"});
    std::istringstream input(in);
    std::ostringstream out;
    std::ostringstream err;
    const int code = RunGlooctl(args, {input, out, err}, clock_);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  std::string dir_;
  std::filesystem::path old_;
  FakeClock clock_;
  std::string out_;
  std::string err_;
};

TEST_F(ProgramTest, WrongUsage) {
  EXPECT_EQ(Run({"valdate", "-f", "x"}), kUsage);
  EXPECT_EQ(err_, "glooctl: unknown verb \"valdate\"; did you mean \"validate\"?; see glooctl --help\n");
  EXPECT_EQ(Run({"validate"}), kUsage);
  EXPECT_EQ(err_, "glooctl: --file is required; see glooctl validate --help\n");
  EXPECT_EQ(Run({"validate", "-f", "nowhere"}), kUsage);
  EXPECT_EQ(err_, "glooctl: there is no file nowhere\n");
  EXPECT_EQ(Run({"get", "upstrems"}), kUsage);
  EXPECT_EQ(err_, "glooctl: unknown kind \"upstrems\"; did you mean \"upstreams\"?\n");
  EXPECT_EQ(Run({}), kUsage);
  EXPECT_EQ(err_, "glooctl: no verb is given; see glooctl --help\n");
}

TEST_F(ProgramTest, EveryVerbHasHelpAndAnExample) {
  EXPECT_EQ(Run({"--help"}), kOk);
  const std::string all = out_;
  for (const Verb& verb : Verbs()) {
    EXPECT_THAT(all, HasSubstr(std::string("\n  ") + verb.name + " "));
    EXPECT_EQ(Run({verb.name, "--help"}), kOk);
    EXPECT_THAT(out_, StartsWith(verb.help));
  }
}

TEST_F(ProgramTest, ValidateGood) {
  WriteConfig();
  EXPECT_EQ(Run({"validate", "-f", "config"}), kOk);
  EXPECT_EQ(out_,
            "config/shop.yaml:27:36: warning: VirtualService default/shop: "
            "spec.routes[5].singleDestination.upstream.name: there is no upstream "
            "\"default/nothing\"; the route answers 503 until there is (UpstreamNotFound)\n"
            "   27 |     singleDestination: {upstream: {name: nothing}}\n"
            "      |                                    ^\n"
            "2 files, 2 objects: 0 errors, 1 warning\n");
  EXPECT_EQ(err_, "");
}

TEST_F(ProgramTest, ValidateSuggestsNamesThatAreNear) {
  Write("a.yaml", R"(apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: petstore}
spec:
  type: static
  spec: {hosts: [{addr: 10.0.0.1, port: 80}]}
  serviceInfo: {type: REST}
  functions: [{name: findPet, spec: {path: /pets}}]
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: orders, namespace: shop}
spec: {type: static, spec: {hosts: [{addr: 10.0.0.1, port: 80}]}}
---
apiVersion: gloo.solo.io/v1
kind: Role
metadata: {name: edge}
spec: {listeners: [{name: http, port: 8000}]}
---
apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata: {name: v}
spec:
  roles: [edgy]
  routes:
  - singleDestination: {upstream: {name: petstor}}
  - singleDestination: {upstream: {name: shop/order}}
  - singleDestination: {upstream: {name: nothing}}
  - singleDestination: {function: {upstreamName: petstore, functionName: findPets}}
)");
  EXPECT_EQ(Run({"validate", "-f", "a.yaml"}), kOk);
  EXPECT_THAT(out_, HasSubstr("\"default/petstor\"; the route answers 503 until there is; did you mean "
                              "\"petstore\"? (UpstreamNotFound)"));
  EXPECT_THAT(out_, HasSubstr("\"shop/order\"; the route answers 503 until there is; did you mean "
                              "\"shop/orders\"? (UpstreamNotFound)"));
  EXPECT_THAT(out_, HasSubstr("\"default/nothing\"; the route answers 503 until there is (UpstreamNotFound)"));
  EXPECT_THAT(out_, HasSubstr("no function \"findPets\"; the route answers 503 until it has; did you mean "
                              "\"findPet\"? (FunctionNotFound)"));
  EXPECT_THAT(out_, HasSubstr("no role \"edgy\"; it is not served there until there is; did you mean "
                              "\"edge\"? (RoleNotFound)"));
}

TEST_F(ProgramTest, ValidateDoesNotMissWhatItWasNotGiven) {
  Write(
      "config/tls.yaml",
      "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: tls}\nspec: {type: static, spec: {hosts: [{addr: "
      "a.test, port: 443}], tls: {caSecretRef: ca}}}\n---\napiVersion: gloo.solo.io/v1\nkind: "
      "VirtualService\nmetadata: "
      "{name: v}\nspec: {domains: [a.test], routes: [{requestMatcher: {pathPrefix: /}, singleDestination: {upstream: "
      "{name: tls}}}]}\n");
  EXPECT_EQ(Run({"validate", "-q", "-f", "config"}), kOk) << out_;
  EXPECT_THAT(out_, HasSubstr("0 errors, 0 warnings"));
  Write("secrets/other/key", "x");
  Run({"validate", "-f", "config", "--secrets-dir", "secrets"});
  EXPECT_THAT(out_, HasSubstr("(SecretNotFound)"));
  EXPECT_THAT(out_, HasSubstr("(UpstreamNotReady)"));
}

TEST_F(ProgramTest, ValidateShowsBrokenSecretsAndArtifacts) {
  WriteConfig();
  Write("secrets/key.yaml", "password: [not, text]\n");
  Write("artifacts/page.yaml", "page: [not, text]\n");
  EXPECT_EQ(Run({"validate", "-q", "-f", "config", "--secrets-dir", "secrets"}), kFoundErrors);
  EXPECT_THAT(out_, StartsWith("secrets/key.yaml"));
  EXPECT_THAT(out_, HasSubstr("1 error, 1 warning"));
  EXPECT_EQ(Run({"validate", "-q", "-f", "config", "--artifacts-dir", "artifacts"}), kFoundErrors);
  EXPECT_THAT(out_, StartsWith("artifacts/page.yaml"));
}

TEST_F(ProgramTest, ValidateShowsAllMistakesAtOnce) {
  Write("a.yaml", R"(apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  routes:
  - requestMatcher:
      pathPrefx: /pets
    singleDestination: {upstream: {name: pets}}
  - requestMatcher: {pathRegex: '/a('}
    singleDestination: {upstream: {name: pets}}
---
apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata: {name: other}
spec:
  routes:
  - requestMatcher: {pathRegex: '/a('}
    singleDestination: {upstream: {name: pets}}
)");
  Write("b.yaml", "kind: Upstrem\n");
  EXPECT_EQ(Run({"validate", "-q", "-f", "a.yaml", "-f", "b.yaml"}), kFoundErrors);
  EXPECT_THAT(out_, HasSubstr("a.yaml:7:7: error: VirtualService default/shop: "
                              "spec.routes[0].requestMatcher.pathPrefx: unknown field \"pathPrefx\"; "
                              "did you mean \"pathPrefix\"? (UnknownField)\n"
                              "    7 |       pathPrefx: /pets\n"
                              "      |       ^\n"));
  EXPECT_THAT(
      out_,
      HasSubstr(
          "a.yaml:17:22: error: VirtualService default/other: spec.routes[0].requestMatcher.pathRegex: invalid regular "
          "expression \"/a(\": missing ) (BadRegex)\n"));
  EXPECT_THAT(out_, HasSubstr("b.yaml:1:7: error: kind: unknown kind \"Upstrem\"; did you mean \"Upstream\"? "
                              "(UnknownKind)\n"
                              "    1 | kind: Upstrem\n"
                              "      |       ^\n"));
}

TEST_F(ProgramTest, ValidateShowsNothingThatSteersATerminal) {
  EXPECT_EQ(Run({"validate", "-f", "-"}, "kind: \"\tä\xff\" \x1b[2J\n"), kFoundErrors);
  EXPECT_EQ(out_.find('\x1b'), std::string::npos);
  EXPECT_EQ(out_.find('\xff'), std::string::npos);
}

TEST_F(ProgramTest, ValidateCutsLongLines) {
  const std::string text = R"({"apiVersion": "gloo.solo.io/v1", "kind": "Role", "metadata": {"name": "a"}, "spec": )" +
                           std::string(300, ' ') + R"({"listners": []}})";
  EXPECT_EQ(Run({"validate", "-f", "-"}, text), kFoundErrors);
  EXPECT_EQ(out_,
            "<stdin>:1:387: error: Role default/a: spec.listners: unknown field \"listners\"; did you mean "
            "\"listeners\"? (UnknownField)\n"
            "    1 | " +
                std::string(78, ' ') + "{\"listners\": []}}\n" + "      | " + std::string(79, ' ') +
                "^\n1 file, 1 object: 1 error, 0 warnings\n");
}

TEST_F(ProgramTest, ValidateReadsStandardInput) {
  EXPECT_EQ(Run({"validate", "-f", "-"}, kUpstream), kOk);
  EXPECT_EQ(out_, "1 file, 1 object: 0 errors, 0 warnings\n");
}

TEST_F(ProgramTest, ExplainAFunction) {
  WriteConfig();
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "SHOP.test:8080", "--path", "//pets/7?a=b", "-H", "X-In: yes"}),
            kOk);
  EXPECT_EQ(out_,
            "request          GET http://SHOP.test:8080/pets/7?a=b\n"
            "listener         http of role ingress\n"
            "virtual service  default/shop at config/shop.yaml:1, domain shop.test\n"
            "not              spec.routes[0] \"health\": path \"/pets/7\" is not \"/health\"\n"
            "route            spec.routes[1] \"find\" at config/shop.yaml:10\n"
            "timeout          3s\n"
            "destination      function find of upstream default/pets\n"
            "sent on          GET /found/7\n"
            "                 host: SHOP.test:8080\n"
            "                 x-in: yes\n"
            "                 x-made: yes\n");
  EXPECT_EQ(err_, "");
}

TEST_F(ProgramTest, ExplainABody) {
  WriteConfig();
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "a.wild.test", "--path", "/add", "-d", R"({"name": "Rex \"R\""})",
                 "--config-dir", "nowhere"}),
            kOk);
  EXPECT_EQ(out_,
            "request          POST http://a.wild.test/add\n"
            "listener         http of role ingress\n"
            "virtual service  default/shop at config/shop.yaml:1, domain *.wild.test\n"
            "not              spec.routes[0] \"health\": path \"/add\" is not \"/health\"\n"
            "not              spec.routes[1] \"find\": path \"/add\" does not start with \"/pets/\"\n"
            "route            spec.routes[2] at config/shop.yaml:14\n"
            "destination      function add of upstream default/pets\n"
            "sent on          POST /add\n"
            "                 host: a.wild.test\n"
            "                 content-length: 21\n"
            "                 content-type: application/json\n"
            "\n"
            "{\"name\": \"Rex \\\"R\\\"\"}\n");
}

TEST_F(ProgramTest, ExplainAMissingVariable) {
  WriteConfig();
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "shop.test", "--path", "/add", "-X", "POST"}), kOk);
  EXPECT_THAT(out_, HasSubstr("answer           400: "));
  EXPECT_THAT(out_, HasSubstr("                 the function reads from the body: name; give one with -d\n"));
}

TEST_F(ProgramTest, ExplainWeights) {
  WriteConfig();
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "shop.test", "--path", "/split", "-d", R"({"name": "a"})"}), kOk);
  EXPECT_THAT(out_, HasSubstr("destination      upstream default/pets, 75%\n"
                              "sent on          POST /split\n"));
  EXPECT_THAT(out_, HasSubstr("destination      function add of upstream default/pets, 25%\n"
                              "sent on          POST /add\n"));
}

TEST_F(ProgramTest, ExplainARewrite) {
  WriteConfig();
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "shop.test", "--path", "/old/a?b"}), kOk);
  EXPECT_THAT(out_, HasSubstr("sent on          GET /new/a?b\n"));
}

TEST_F(ProgramTest, ExplainWhatIsNotServed) {
  WriteConfig();
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "other.test"}), kFoundErrors);
  EXPECT_THAT(out_, HasSubstr("answer           404: no virtual service has the domain other.test\n"));
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "shop.test", "--path", "/none"}), kFoundErrors);
  EXPECT_THAT(out_, HasSubstr("answer           404: no route takes it\n"));
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "shop.test", "--path", "/missing"}), kFoundErrors);
  EXPECT_THAT(out_, HasSubstr("answer           503: the upstream of this route is not available\n"));
  EXPECT_THAT(err_, HasSubstr("there is no upstream \"default/nothing\""));
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "shop.test", "--role", "edge"}), kFoundErrors);
  EXPECT_THAT(out_, HasSubstr("answer           500: there is no role \"edge\"; known: ingress\n"));
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "shop.test", "--tls"}), kFoundErrors);
  EXPECT_THAT(out_,
              HasSubstr("no virtual service has the domain shop.test; it is served without TLS: leave out --tls"));
  EXPECT_EQ(Run({"explain", "-f", "config", "--host", "shop.test", "-H", "x"}), kUsage);
  EXPECT_EQ(err_, "glooctl: the header \"x\" must be written NAME: VALUE\n");
}

TEST_F(ProgramTest, GetOffline) {
  WriteConfig();
  const std::string note =
      "glooctl: no control plane answers at 127.0.0.1:1: connection refused; shown is what config holds\n";
  EXPECT_EQ(Run({"get", "upstreams", "--config-dir", "config"}), kOk);
  EXPECT_EQ(out_,
            "NAME           TYPE     FUNCTIONS   STATE      REASON     PROGRAMMED   AGE   MESSAGE\n"
            "default/pets   static   2           Accepted   Accepted   -            -\n");
  EXPECT_EQ(err_, note);
  EXPECT_EQ(Run({"get", "virtualservices", "shop", "--config-dir", "config"}), kOk);
  EXPECT_THAT(out_, StartsWith("NAME           DOMAINS                 ROUTES   STATE     REASON             PROGRAMMED"
                               "   AGE   MESSAGE\n"
                               "default/shop   shop.test,*.wild.test   6        Warning   UpstreamNotFound   -         "
                               "   -     "));
  EXPECT_THAT(out_, HasSubstr("\n  config/shop.yaml:27:36: warning: spec.routes[5].singleDestination.upstream.name: "
                              "there is no upstream \"default/nothing\""));
  EXPECT_EQ(Run({"get", "functions", "--config-dir", "config"}), kOk);
  EXPECT_EQ(out_,
            "UPSTREAM       NAME   TYPE   ROUTES\n"
            "default/pets   find   REST   1\n"
            "default/pets   add    REST   2\n");
}

TEST_F(ProgramTest, GetForms) {
  WriteConfig();
  EXPECT_EQ(Run({"get", "upstream", "default/pets", "-o", "yaml", "--config-dir", "config"}), kOk);
  EXPECT_EQ(out_,
            "apiVersion: gloo.solo.io/v1\n"
            "kind: Upstream\n"
            "metadata:\n"
            "  name: pets\n"
            "  namespace: default\n"
            "spec:\n"
            "  type: static\n"
            "  spec:\n"
            "    hosts:\n"
            "    - addr: \"127.0.0.1\"\n"
            "      port: 9080\n"
            "  functions:\n"
            "  - name: find\n"
            "    spec:\n"
            "      path: \"/found/{{ id }}\"\n"
            "      headers:\n"
            "        x-made: \"{{ header(\\\"x-in\\\") }}\"\n"
            "  - name: add\n"
            "    spec:\n"
            "      path: /add\n"
            "      body: \"{\\\"name\\\": \\\"{{ name }}\\\"}\"\n"
            "  serviceInfo:\n"
            "    type: REST\n"
            "status:\n"
            "  state: Accepted\n"
            "  reason: Accepted\n");
  EXPECT_EQ(Run({"get", "functions", "find", "-o", "json", "--config-dir", "config"}), kOk);
  EXPECT_EQ(out_,
            "{\n  \"upstream\": \"default/pets\",\n  \"name\": \"find\",\n  \"type\": \"REST\",\n  \"routes\": 1\n}\n");
}

TEST_F(ProgramTest, GetWhatIsNotThere) {
  WriteConfig();
  EXPECT_EQ(Run({"get", "upstreams", "petz", "--config-dir", "config"}), kFoundErrors);
  EXPECT_THAT(err_, HasSubstr("glooctl: there is no upstream \"petz\"; did you mean \"pets\"?\n"));
  EXPECT_EQ(Run({"get", "upstreams"}), kUnreachable);
  EXPECT_EQ(err_,
            "glooctl: no control plane answers at 127.0.0.1:1: connection refused; start gloo, name its endpoint with "
            "--admin, or look offline with --config-dir and --state-dir\n");
  EXPECT_EQ(Run({"proxy", "clients"}), kUnreachable);
  EXPECT_EQ(err_, "glooctl: no control plane answers at 127.0.0.1:1: connection refused\n");
}

TEST_F(ProgramTest, ApplyAndDelete) {
  Write("config/pets.yaml", kUpstream);
  EXPECT_EQ(Run({"apply", "-f", "-", "--config-dir", "config"}, kShop), kOk);
  EXPECT_EQ(out_, "VirtualService default/shop created\n");
  EXPECT_EQ(Read("config/applied/virtualservice.default.shop.yaml"),
            std::string("# Written by glooctl apply.\n") + kShop);
  EXPECT_EQ(Run({"apply", "-f", "-", "--config-dir", "config"}, kShop), kOk);
  EXPECT_EQ(out_, "VirtualService default/shop unchanged\n");
  EXPECT_EQ(Run({"apply", "-f", "-", "--config-dir", "config"}, std::string(kShop) + "  roles: [ingress]\n"), kOk);
  EXPECT_EQ(out_, "VirtualService default/shop updated\n");
  EXPECT_EQ(Run({"delete", "virtualservice", "shop", "--config-dir", "config"}), kOk);
  EXPECT_EQ(out_, "VirtualService default/shop deleted\n");
  EXPECT_TRUE(std::filesystem::is_empty("config/applied"));
  EXPECT_EQ(Run({"delete", "-f", "-", "--config-dir", "config"}, kShop), kFoundErrors);
  EXPECT_EQ(err_, "glooctl: there is no VirtualService default/shop in config\n");
}

TEST_F(ProgramTest, ApplyTakesDocumentsApart) {
  std::filesystem::create_directory("config");
  Write("in/all.yaml", std::string("# pets\n") + kUpstream + "---\n# shop\n" + kShop);
  Write("in/role.json",
        R"({"apiVersion": "gloo.solo.io/v1", "kind": "Role", "metadata": {"name": "edge"}, "spec": {}})");
  EXPECT_EQ(Run({"apply", "-f", "in", "--config-dir", "config"}), kOk);
  EXPECT_EQ(out_, "Upstream default/pets created\nVirtualService default/shop created\nRole default/edge created\n");
  EXPECT_EQ(Read("config/applied/upstream.default.pets.yaml"),
            std::string("# Written by glooctl apply.\n# pets\n") + kUpstream);
  EXPECT_THAT(Read("config/applied/role.default.edge.yaml"), StartsWith("{"));
  EXPECT_EQ(Run({"validate", "-q", "-f", "config"}), kOk);
  EXPECT_EQ(out_, "3 files, 3 objects: 0 errors, 1 warning\n");
}

TEST_F(ProgramTest, ApplyAndDeleteLeaveFilesOfUsersAlone) {
  WriteConfig();
  const std::string said = "glooctl: VirtualService default/shop is defined in config/shop.yaml:1; edit that file\n";
  EXPECT_EQ(Run({"apply", "-f", "-", "--config-dir", "config"}, kShop), kFoundErrors);
  EXPECT_EQ(err_, said);
  EXPECT_EQ(Run({"delete", "vs", "shop", "--config-dir", "config"}), kFoundErrors);
  EXPECT_EQ(err_, said);
  EXPECT_FALSE(std::filesystem::exists("config/applied"));
  EXPECT_EQ(Read("config/shop.yaml"), kShop);
}

TEST_F(ProgramTest, ApplyWritesNothingWhenOneIsWrong) {
  std::filesystem::create_directory("config");
  const std::string wrong = R"(apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata: {name: wrong}
spec:
  domains: [wrong.test]
  routes:
  - requestMatcher: {pathRegex: '/a('}
    singleDestination: {upstream: {name: pets}}
)";
  EXPECT_EQ(Run({"apply", "-f", "-", "--config-dir", "config"}, std::string(kUpstream) + "---\n" + wrong),
            kFoundErrors);
  EXPECT_EQ(
      err_,
      "<stdin>:20:5: warning: VirtualService default/wrong: spec.routes[0]: is left out as long as its path is not "
      "known: later routes get its requests, unless an earlier form of the virtual service that was good is in "
      "force (RouteLeftOut)\n"
      "   20 |   - requestMatcher: {pathRegex: '/a('}\n"
      "      |     ^\n"
      "<stdin>:20:22: error: VirtualService default/wrong: spec.routes[0].requestMatcher.pathRegex: invalid "
      "regular expression \"/a(\": missing "
      ") (BadRegex)\n"
      "   20 |   - requestMatcher: {pathRegex: '/a('}\n"
      "      |                      ^\n"
      "glooctl: nothing was applied: 1 error, 1 warning\n");
  EXPECT_EQ(out_, "");
  EXPECT_TRUE(std::filesystem::is_empty("config"));
}

TEST_F(ProgramTest, ApplyOfATakenDomain) {
  WriteConfig();
  std::string other = kShop;
  other.replace(other.find("name: shop"), 10, "name: late");
  EXPECT_EQ(Run({"apply", "-f", "-", "--config-dir", "config"}, other), kFoundErrors);
  EXPECT_THAT(err_, HasSubstr("(DomainTaken)"));
  EXPECT_FALSE(std::filesystem::exists("config/applied"));
}

TEST_F(ProgramTest, CreateOfServicesWhoseFunctionsAreNamed) {
  EXPECT_EQ(
      Run({"create", "upstream", "l", "--aws", "eu-west-1", "--secret", "keys", "--function", "a", "--function", "b"}),
      kOk);
  EXPECT_EQ(
      out_,
      "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata:\n  name: l\nspec:\n  type: aws\n  spec:\n    region: "
      "eu-west-1\n    secretRef: keys\n  functions:\n    - name: a\n    - name: b\n");
  EXPECT_EQ(Run({"create", "upstream", "g", "--google", "https://g.a.run.app"}), kOk);
  EXPECT_THAT(out_, HasSubstr("  type: google\n  spec:\n    url: https://g.a.run.app\n"));
  EXPECT_EQ(Run({"create", "upstream", "z", "--azure", "shop"}), kOk);
  EXPECT_THAT(out_, HasSubstr("    functionAppName: shop\n"));
  const auto host = [this](const std::string& address) {
    Run({"create", "upstream", "n", "--nats", address, "-o", "yaml"});
    return out_.substr(std::min(out_.find("hosts:"), out_.size()));
  };
  EXPECT_EQ(host("n.test"), "hosts:\n      - addr: n.test\n");
  EXPECT_EQ(host("n.test:4333"), "hosts:\n      - addr: n.test\n        port: 4333\n");
  EXPECT_EQ(host("[::1]:4333"), "hosts:\n      - addr: \"[::1]\"\n        port: 4333\n");
  EXPECT_EQ(host("2001:db8::1"), "hosts:\n      - addr: \"2001:db8::1\"\n");
  EXPECT_EQ(Run({"create", "upstream", "l", "--aws", "EU"}), kFoundErrors);
  EXPECT_THAT(err_, HasSubstr("\"EU\" is no region"));
  EXPECT_EQ(Run({"create", "upstream", "l", "--aws", "eu-west-1", "--server", "http://a.test"}), kUsage);
  EXPECT_EQ(Run({"create", "upstream", "l", "--openapi", "x", "--secret", "y"}), kUsage);
  EXPECT_THAT(err_, HasSubstr("--secret has no effect with --openapi"));
  EXPECT_EQ(Run({"create", "upstream", "l", "--aws", "eu-west-1", "--nats", "x"}), kUsage);
  EXPECT_THAT(err_, HasSubstr("is taken, not several"));
}

TEST_F(ProgramTest, SchemaReferenceVersionCompletion) {
  EXPECT_EQ(Run({"schema"}), kOk);
  EXPECT_THAT(out_, StartsWith("{"));
  EXPECT_THAT(out_, HasSubstr("pathPrefix"));
  EXPECT_EQ(Run({"reference"}), kOk);
  EXPECT_THAT(out_, HasSubstr("pathPrefix"));
  EXPECT_EQ(Run({"version", "--client"}), kOk);
  EXPECT_EQ(out_, "glooctl 0.1.0\n");
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(Run({"completion", shell}), kOk);
    EXPECT_THAT(out_, StartsWith("#"));
    for (const Verb& verb : Verbs()) EXPECT_THAT(out_, HasSubstr(verb.name));
    EXPECT_THAT(out_, HasSubstr("secrets-dir"));
  }
  EXPECT_EQ(Run({"completion", "ksh"}), kUsage);
}

}  // namespace
}  // namespace gloo::cli
