#include "controller/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/strings.h"
#include "model/reader.h"
#include "plugins/builtin.h"
#include "tests/golden/world.h"

namespace gloo::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kUpstream[] = R"(
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: up}
spec:
  type: static
  spec: {hosts: [{addr: 127.0.0.1, port: 8000}]}
)";

std::string Service(std::string_view name, std::string_view domain, std::string_view prefix) {
  return StrCat(R"(
apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata: {name: )",
                name, R"(}
spec:
  domains: [)",
                domain, R"(]
  routes:
  - requestMatcher: {pathPrefix: )",
                prefix, R"(}
    singleDestination: {upstream: {name: up}}
)");
}

// One route that is right, and one that is not.
std::string Mixed(std::string_view prefix) {
  return Service("shop", "shop.example.com", prefix) +
         "  - {requestMatcher: {pathRegex: '/('}, singleDestination: {upstream: {name: up}}}\n";
}

// The controller with the real translator, server, reporter and store; time and turns of the loop are the test's.
class ControllerTest : public ::testing::Test {
 protected:
  ControllerTest() {
    char path[] = "/tmp/gloo-controller-XXXXXX";
    folder_ = mkdtemp(path);
    plugins::AddBuiltins(registry_);
    Boot();
  }
  ~ControllerTest() override {
    Halt();
    std::filesystem::remove_all(folder_);
  }

  void Boot() {
    loop_ = runtime::FakeLoop::CreateFake();
    metrics_ = runtime::Metrics::Create();
    auto store = state::Store::Open(folder_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    translator_ = std::make_unique<translator::Translator>(registry_, translator::Settings{});
    server_ = xds::Server::Create(*loop_, *metrics_, {.address = "127.0.0.1:0"});
    reporter_ = std::make_unique<reporter::Reporter>(store_.get(), nullptr, clock_, *metrics_);
    controller_ = std::make_unique<Controller>(
        *loop_, *metrics_, *translator_, *server_, *reporter_, store_.get(),
        Options{
            .sources = {"file"}, .clock = &clock_, .want_tokens = [this](const auto& wanted) { wanted_ = wanted; }});
    controller_->Start();
  }

  void Halt() {
    controller_.reset();
    reporter_.reset();
    server_.reset();
    translator_.reset();
    store_.reset();
    loop_.reset();
  }

  sources::ObjectEvent Read(const std::string& text, const std::string& file = "a.yaml") {
    model::FileResult result = model::ReadText(text, file, registry_);
    EXPECT_EQ(result.documents.size(), 1u);
    const model::ReadResult& document = result.documents[0];
    return {.key = *document.key, .object = document.object, .issues = document.issues};
  }

  void Restart() {
    store_->Flush();
    Halt();
    Boot();
  }

  static sources::ObjectEvent Aged(sources::ObjectEvent event, int64_t created) {
    auto object = std::make_shared<model::Object>(*event.object);
    object->created = created;
    event.object = std::move(object);
    return event;
  }

  void Push(std::vector<sources::ObjectEvent> objects, bool synced, std::vector<sources::PlaceEvent> places = {},
            model::NamedDataPtr secret = nullptr) {
    sources::Batch batch{
        .source = "file", .objects = std::move(objects), .places = std::move(places), .synced = synced};
    if (secret) batch.data.push_back({sources::DataKind::kSecret, {{secret->ns, secret->name}, secret}});
    controller_->Push(std::move(batch));
    loop_->RunPosted();
    reporter_->Flush();
  }

  std::vector<std::string> Scopes() const {
    std::vector<std::string> out;
    if (const snapshot::Snapshot* snapshot = server_->snapshot("ingress"); snapshot != nullptr) {
      for (const auto& entry : snapshot->resources(snapshot::Type::kScopedRoute)) out.push_back(entry.first);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  std::string BodyOf(snapshot::Type type, const std::string& name) const {
    const auto& resources = server_->snapshot("ingress")->resources(type);
    auto it = resources.find(name);
    return it == resources.end() ? "" : it->second->body;
  }
  std::string RoutesOf(const std::string& name) const { return BodyOf(snapshot::Type::kRoute, "default/" + name); }
  std::string SecretOf(const std::string& name) const { return BodyOf(snapshot::Type::kSecret, name); }

  v1::Status StatusOf(const std::string& name) {
    for (const ObjectView& view : controller_->Objects(model::Kind::kVirtualService)) {
      if (view.key.name == name) return view.status;
    }
    return {};
  }

  std::string folder_;
  FakeClock clock_{absl::FromUnixSeconds(1000)};
  model::TokensWanted wanted_;
  translator::Registry registry_;
  std::unique_ptr<runtime::FakeLoop> loop_;
  std::unique_ptr<runtime::Metrics> metrics_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<translator::Translator> translator_;
  std::unique_ptr<xds::Server> server_;
  std::unique_ptr<reporter::Reporter> reporter_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(ControllerTest, ServesOnceEverySourceHasSynced) {
  EXPECT_FALSE(controller_->synced());
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"))}, false);
  EXPECT_FALSE(controller_->serving());
  Push({}, true);
  EXPECT_TRUE(controller_->synced());
  EXPECT_TRUE(controller_->serving());
  EXPECT_THAT(Scopes(), ElementsAre("http|shop.example.com"));
  EXPECT_EQ(StatusOf("shop").state(), v1::Status::ACCEPTED);
}

TEST_F(ControllerTest, GenerationCountsChangesOfTheSpecOnly) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"))}, true);
  EXPECT_EQ(StatusOf("shop").observed_generation(), 1);
  Push({Read(Service("shop", "shop.example.com", "/"))}, true);
  EXPECT_EQ(StatusOf("shop").observed_generation(), 1);
  Push({Read(Service("shop", "shop.example.com", "/a"))}, true);
  EXPECT_EQ(StatusOf("shop").observed_generation(), 2);
}

TEST_F(ControllerTest, BatchesThatWaitAreMerged) {
  for (const char* prefix : {"/a", "/b", "/c"}) {
    controller_->Push({.source = "file", .objects = {Read(Service("shop", "shop.example.com", prefix))}});
  }
  controller_->Push({.source = "file", .objects = {Read(kUpstream)}, .synced = true});
  loop_->RunPosted();
  reporter_->Flush();
  EXPECT_EQ(StatusOf("shop").observed_generation(), 1);
  EXPECT_THAT(metrics_->Text(), HasSubstr("gloo_changes_merged_total 3"));
}

TEST_F(ControllerTest, AnUnreadableObjectKeepsItsLastGoodForm) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"))}, true);
  Push({Read(Service("shop", "other.example.com", "[]"))}, true);
  EXPECT_THAT(Scopes(), ElementsAre("http|shop.example.com"));
  EXPECT_EQ(StatusOf("shop").state(), v1::Status::REJECTED);
}

TEST_F(ControllerTest, ARestartWithoutTheSourceServesWhatWasGood) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"))}, true);
  store_->Flush();
  Halt();
  Boot();
  EXPECT_THAT(Scopes(), ElementsAre("http|shop.example.com"));
  EXPECT_FALSE(controller_->serving());
  loop_->Advance(absl::Seconds(1));
  EXPECT_TRUE(controller_->serving());
  EXPECT_FALSE(controller_->synced());
  EXPECT_EQ(StatusOf("shop").state(), v1::Status::ACCEPTED);
}

TEST_F(ControllerTest, AfterARestartWhatNoSourceHasIsGone) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/")),
        Read(Service("old", "old.example.com", "/"), "old.yaml")},
       true);
  store_->Flush();
  Halt();
  Boot();
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"))}, true);
  EXPECT_THAT(Scopes(), ElementsAre("http|shop.example.com"));
  EXPECT_EQ(StatusOf("shop").observed_generation(), 1);
  store_->Flush();
  Halt();
  Boot();
  EXPECT_THAT(Scopes(), ElementsAre("http|shop.example.com"));
}

TEST_F(ControllerTest, AfterARestartObjectsOfABrokenFileStay) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"), "shop.yaml")}, true);
  store_->Flush();
  Halt();
  Boot();
  const Issue broken{
      Severity::kError, "InvalidYaml", "", "line 3: mapping values are not allowed here", {"shop.yaml", 3, 1}};
  Push({Read(kUpstream)}, true, {{"shop.yaml", {broken}, true}});
  EXPECT_THAT(Scopes(), ElementsAre("http|shop.example.com"));
  ASSERT_EQ(controller_->BrokenPlaces().size(), 1u);
  EXPECT_EQ(StatusOf("shop").reason(), "SourceBroken");
  Push({Read(Service("shop", "shop.example.com", "/"), "shop.yaml")}, true, {{"shop.yaml", {}}});
  EXPECT_THAT(controller_->BrokenPlaces(), IsEmpty());
  EXPECT_EQ(StatusOf("shop").state(), v1::Status::ACCEPTED);
}

TEST_F(ControllerTest, AfterARestartAnObjectThatIsNotInItsRepairedFileIsGone) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"), "shop.yaml")}, true);
  Restart();
  const Issue broken{Severity::kError, "InvalidYaml", "", "tab", {"shop.yaml", 3, 1}};
  Push({Read(kUpstream)}, true, {{"shop.yaml", {broken}, true}});
  EXPECT_THAT(Scopes(), ElementsAre("http|shop.example.com"));
  Push({}, true, {{"shop.yaml", {}}});
  EXPECT_THAT(Scopes(), IsEmpty());
  EXPECT_THAT(controller_->Objects(model::Kind::kVirtualService), IsEmpty());
}

TEST_F(ControllerTest, AfterARestartAFileWithAnIssueHoldsWhatItTells) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"), "shop.yaml")}, true);
  Restart();
  // All of the file was read; the object is not in it any more.
  const Issue other{Severity::kError, "DuplicateName", "metadata.name", "is there already", {"shop.yaml", 3, 1}};
  Push({Read(kUpstream)}, true, {{"shop.yaml", {other}, false}});
  EXPECT_THAT(Scopes(), IsEmpty());
}

TEST_F(ControllerTest, AfterARestartObjectsOfAnUnreadableFolderStay) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"), "team/a/shop.yaml"),
        Read(Service("team", "team.example.com", "/"), "teams.yaml")},
       true);
  Restart();
  const Issue broken{Severity::kError, "Unreadable", "", "permission denied", {"team", 0, 0}};
  Push({Read(kUpstream)}, true, {{"team", {broken}, true}});
  EXPECT_THAT(Scopes(), ElementsAre("http|shop.example.com"));
}

TEST_F(ControllerTest, AWrongFormThatFollowsAWrongFormIsTheOneInForce) {
  Push({Read(kUpstream), Read(Mixed("/one"))}, true);
  EXPECT_EQ(StatusOf("shop").state(), v1::Status::REJECTED);
  EXPECT_THAT(RoutesOf("shop"), HasSubstr("/one"));
  Push({Read(Mixed("/two"))}, true);
  EXPECT_THAT(RoutesOf("shop"), HasSubstr("/two"));
  EXPECT_THAT(RoutesOf("shop"), Not(HasSubstr("/one")));
  EXPECT_EQ(StatusOf("shop").observed_generation(), 2);
}

TEST_F(ControllerTest, AFormThatNeverWasGoodIsNotKeptOverARestart) {
  Push({Read(kUpstream), Read(Mixed("/one"))}, true);
  Restart();
  EXPECT_THAT(Scopes(), IsEmpty());
  EXPECT_EQ(StatusOf("shop").state(), v1::Status::REJECTED);
  Push({Read(kUpstream), Read(Mixed("/two"))}, true);
  EXPECT_THAT(RoutesOf("shop"), HasSubstr("/two"));
  EXPECT_EQ(StatusOf("shop").observed_generation(), 2);
  // Good, then wrong: what was good is what stays.
  Push({Read(Service("shop", "shop.example.com", "/good"))}, true);
  Push({Read(Mixed("/three"))}, true);
  EXPECT_THAT(RoutesOf("shop"), HasSubstr("/good"));
  Restart();
  EXPECT_THAT(RoutesOf("shop"), HasSubstr("/good"));
  Push({Read(kUpstream), Read(Mixed("/three"))}, true);
  EXPECT_THAT(RoutesOf("shop"), HasSubstr("/good"));
  EXPECT_EQ(StatusOf("shop").observed_generation(), 4);
  EXPECT_EQ(StatusOf("shop").state(), v1::Status::REJECTED);
}

TEST_F(ControllerTest, AnObjectThatNeverWasGoodLeavesNothingWhenItGoes) {
  Push({Read(kUpstream), Read(Mixed("/one"))}, true);
  store_->Flush();
  // What a last good form says of itself is not said twice.
  const std::vector<state::SeenObject> seen = store_->Load().seen;
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].key.name, "shop");
  Restart();
  Push({Read(kUpstream)}, true);
  EXPECT_THAT(controller_->Objects(model::Kind::kVirtualService), IsEmpty());
  store_->Flush();
  const state::Store::Loaded loaded = store_->Load();
  EXPECT_EQ(loaded.seen.size(), 0u);
  EXPECT_EQ(loaded.statuses.size(), 1u);
}

TEST_F(ControllerTest, TheAgeOfAnObjectThatNeverWasGoodSurvivesARestart) {
  Push({Read(kUpstream), Aged(Read(Mixed("/one")), 5), Aged(Read(Service("aa", "shop.example.com", "/")), 6)}, true);
  EXPECT_EQ(StatusOf("aa").reason(), "DomainTaken");
  Restart();
  Push({Read(kUpstream), Aged(Read(Mixed("/one")), 100), Aged(Read(Service("aa", "shop.example.com", "/")), 6)}, true);
  EXPECT_EQ(StatusOf("aa").reason(), "DomainTaken");
}

TEST_F(ControllerTest, TheLastGoodKeyPairSurvivesARestart) {
  const std::string secure =
      "{apiVersion: gloo.solo.io/v1, kind: VirtualService, metadata: {name: shop}, spec: {domains: [shop.test], "
      "sslConfig: {secretRef: pair}, routes: [{singleDestination: {upstream: {name: up}}}]}}";
  const testing::KeyPair& good = testing::PairFor("shop.test");
  const model::NamedDataPtr pair = testing::Data("pair", {{"tls.crt", good.certificate}, {"tls.key", good.key}});
  const model::NamedDataPtr wrong =
      testing::Data("pair", {{"tls.crt", good.certificate}, {"tls.key", testing::PairFor("other").key}});
  Push({Read(kUpstream), Read(secure)}, true, {}, pair);
  EXPECT_THAT(SecretOf("shop.test"), HasSubstr(good.key));
  Push({}, true, {}, wrong);
  EXPECT_THAT(SecretOf("shop.test"), HasSubstr(good.key));
  Restart();
  EXPECT_THAT(SecretOf("shop.test"), HasSubstr(good.key));
  Push({Read(kUpstream), Read(secure)}, true, {}, wrong);
  EXPECT_THAT(SecretOf("shop.test"), HasSubstr(good.key));
  EXPECT_THAT(StatusOf("shop").message(), HasSubstr("stays in force"));
  // A secret that is gone is gone.
  Restart();
  Push({Read(kUpstream), Read(secure)}, true);
  EXPECT_EQ(SecretOf("shop.test"), "");
  store_->Flush();
  EXPECT_THAT(store_->Load().data, IsEmpty());
}

TEST_F(ControllerTest, SecretsOfAPlaceThatCannotBeReadStay) {
  const testing::KeyPair& good = testing::PairFor("shop.test");
  Push({}, true, {}, testing::Data("pair", {{"tls.crt", good.certificate}, {"tls.key", good.key}}));
  Restart();
  const Issue broken{Severity::kError, "Unreadable", "", "permission denied", {"secrets/pair/tls.key", 0, 0}};
  Push({}, true, {{"secrets/pair/tls.key", {broken}, true}});
  store_->Flush();
  EXPECT_EQ(store_->Load().data.size(), 1u);
  Push({}, true, {{"secrets/pair/tls.key", {}}});
  store_->Flush();
  EXPECT_THAT(store_->Load().data, IsEmpty());
}

TEST_F(ControllerTest, AFileThatBreaksIsAWarningOnItsObjects) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"), "shop.yaml")}, true);
  const Issue broken{Severity::kError, "InvalidYaml", "", "tab", {"shop.yaml", 2, 1}};
  Push({}, true, {{"shop.yaml", {broken}}});
  v1::Status status = StatusOf("shop");
  EXPECT_EQ(status.state(), v1::Status::WARNING);
  EXPECT_EQ(status.reason(), "SourceBroken");
  ASSERT_EQ(status.issues_size(), 1);
  EXPECT_EQ(status.issues(0).message(), "tab");
  EXPECT_THAT(Scopes(), ElementsAre("http|shop.example.com"));
  Push({}, true, {{"shop.yaml", {}}});
  EXPECT_EQ(StatusOf("shop").state(), v1::Status::ACCEPTED);
}

TEST_F(ControllerTest, RemovedObjectsLeaveNothing) {
  Push({Read(kUpstream), Read(Service("shop", "shop.example.com", "/"))}, true);
  sources::ObjectEvent gone{.key = {model::Kind::kVirtualService, "default", "shop"}, .removed = true};
  Push({gone}, true);
  EXPECT_THAT(Scopes(), IsEmpty());
  EXPECT_THAT(controller_->Objects(model::Kind::kVirtualService), IsEmpty());
  EXPECT_THAT(server_->snapshot("ingress")->resources(snapshot::Type::kCluster), IsEmpty());
}

TEST_F(ControllerTest, TheOlderClaimantKeepsItsDomainOverARestart) {
  Push({Read(kUpstream)}, true);
  sources::ObjectEvent first = Read(Service("zz", "shop.example.com", "/"));
  auto older = std::make_shared<model::Object>(*first.object);
  older->created = 5;
  first.object = older;
  sources::ObjectEvent second = Read(Service("aa", "shop.example.com", "/"), "b.yaml");
  auto younger = std::make_shared<model::Object>(*second.object);
  younger->created = 6;
  second.object = younger;
  Push({first, second}, true);
  EXPECT_EQ(StatusOf("aa").reason(), "DomainTaken");
  EXPECT_EQ(StatusOf("zz").state(), v1::Status::ACCEPTED);
  store_->Flush();
  Halt();
  Boot();
  // The file is seen anew, and as younger; what is known from before counts.
  older = std::make_shared<model::Object>(*first.object);
  older->created = 100;
  first.object = older;
  Push({Read(kUpstream), first, second}, true);
  EXPECT_EQ(StatusOf("zz").state(), v1::Status::ACCEPTED);
  EXPECT_EQ(StatusOf("aa").reason(), "DomainTaken");
}

TEST_F(ControllerTest, WhatIsNewIsYoungerAlsoWhenTheClockWasSetBack) {
  const int64_t hour = absl::ToInt64Nanoseconds(absl::Hours(1));
  const int64_t now = absl::ToUnixNanos(clock_.Now());
  Push({Read(kUpstream), Aged(Read(Service("zz", "shop.example.com", "/")), now + hour)}, true);
  Restart();
  Push({Read(kUpstream), Read(Service("zz", "shop.example.com", "/")),
        Aged(Read(Service("aa", "shop.example.com", "/"), "b.yaml"), now)},
       true);
  EXPECT_EQ(StatusOf("zz").state(), v1::Status::ACCEPTED);
  EXPECT_EQ(StatusOf("aa").reason(), "DomainTaken");
}

constexpr char kFunctions[] = R"(
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: up}
spec:
  type: google
  spec: {url: "https://f.example.com", secretRef: caller}
)";

model::NamedDataPtr CallerSecret() {
  auto secret = std::make_shared<model::NamedData>();
  secret->ns = "default";
  secret->name = "caller";
  secret->data = {{"key.json", "{}"}};
  return secret;
}

// An Envoy that has a token would lose it.
TEST_F(ControllerTest, ServesNobodyBeforeTheTokensOfFunctionsAreThere) {
  Push({Read(kFunctions)}, true, {}, CallerSecret());
  ASSERT_EQ(wanted_.size(), 1u);
  EXPECT_FALSE(controller_->serving());
  controller_->PutToken(wanted_.begin()->first, model::Token{"secret-token", "", ""});
  EXPECT_TRUE(controller_->serving());

  Restart();
  ASSERT_EQ(wanted_.size(), 1u);
  // It may come before the sources have told all.
  controller_->PutToken(wanted_.begin()->first, model::Token{"", "TokenNotIssued", "no"});
  EXPECT_FALSE(controller_->serving());
  Push({Read(kFunctions)}, true, {}, CallerSecret());
  EXPECT_TRUE(controller_->serving());
}

TEST_F(ControllerTest, ATokenThatDoesNotComeIsWaitedForNoLongerThanSaid) {
  Push({Read(kFunctions)}, true, {}, CallerSecret());
  loop_->Advance(absl::Seconds(5));
  EXPECT_FALSE(controller_->serving());
  loop_->Advance(absl::Seconds(2));
  EXPECT_TRUE(controller_->serving());
}

}  // namespace
}  // namespace gloo::controller
