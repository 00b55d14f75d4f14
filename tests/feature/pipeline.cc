#include "tests/feature/pipeline.h"

#include <cstdlib>
#include <filesystem>
#include <future>
#include <utility>

#include "base/strings.h"
#include "model/reader.h"
#include "tests/golden/world.h"

namespace gloo::testing {

std::string Upstream(std::string_view name, int port) {
  return StrCat("---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: ", name,
                "}\nspec: {type: static, spec: {hosts: [{addr: 10.0.0.1, port: ", port, "}]}}\n");
}

std::string VirtualService(std::string_view name, std::string_view domains, std::string_view routes,
                           std::string_view more) {
  return StrCat("---\napiVersion: gloo.solo.io/v1\nkind: VirtualService\nmetadata: {name: ", name,
                "}\nspec:\n  domains: [", domains, "]\n  routes: [", routes, "]\n", more.empty() ? "" : "  ", more,
                "\n");
}

std::string To(std::string_view upstream, std::string_view prefix) {
  return StrCat("{requestMatcher: {pathPrefix: ", prefix, "}, singleDestination: {upstream: {name: ", upstream, "}}}");
}

Pipeline::Pipeline() {
  char path[] = "/tmp/gloo-feature-XXXXXX";
  folder_ = mkdtemp(path);
  Boot(absl::Seconds(1));
}

Pipeline::~Pipeline() {
  Halt();
  std::filesystem::remove_all(folder_);
}

void Pipeline::Restart(absl::Duration patience) {
  Halt();
  Boot(patience);
}

void Pipeline::Boot(absl::Duration patience) {
  loop_ = runtime::Loop::Create();
  metrics_ = runtime::Metrics::Create();
  auto store = state::Store::Open(folder_);
  ASSERT_TRUE(store.ok()) << store.status();
  store_ = *std::move(store);
  translator_ = std::make_unique<translator::Translator>(Builtins(), translator::Settings{});
  server_ = xds::Server::Create(*loop_, *metrics_,
                                {.address = "127.0.0.1:0", .unknown_role = [this](const std::string& role) {
                                   return translator_->UnknownRole(role);
                                 }});
  reporter_ = std::make_unique<reporter::Reporter>(store_.get(), nullptr, Clock::Real(), *metrics_);
  controller_ = std::make_unique<controller::Controller>(
      *loop_, *metrics_, *translator_, *server_, *reporter_, store_.get(),
      controller::Options{.sources = {"test"}, .serve_last_good_after = patience});
  ASSERT_TRUE(server_->Start().ok());
  controller_->Start();
  thread_ = std::thread([this] { loop_->Run(); });
}

void Pipeline::Halt() {
  OnLoop([this] { server_->Shutdown(); });
  loop_->Stop();
  thread_.join();
  reporter_.reset();
  controller_.reset();
  server_.reset();
  translator_.reset();
  store_.reset();
}

void Pipeline::OnLoop(const std::function<void()>& fn) {
  std::promise<void> done;
  loop_->Post([&] {
    fn();
    done.set_value();
  });
  done.get_future().wait();
}

void Pipeline::Push(sources::Batch batch) {
  batch.source = "test";
  controller_->Push(std::move(batch));
}

void Pipeline::Put(const std::string& yaml, const std::string& file) {
  model::FileResult read = model::ReadText(yaml, file, Builtins());
  EXPECT_TRUE(read.issues.empty()) << yaml;
  sources::Batch batch;
  batch.places.push_back({.place = file});
  for (model::ReadResult& document : read.documents) {
    ASSERT_TRUE(document.key.has_value()) << yaml;
    batch.objects.push_back({.key = *document.key, .object = document.object, .issues = document.issues});
  }
  Push(std::move(batch));
}

void Pipeline::Break(const std::string& file) {
  sources::Batch batch;
  batch.places.push_back(
      {.place = file,
       .issues = {{.reason = "SyntaxError", .message = "not YAML", .location = {.file = file, .line = 1, .column = 1}}},
       .unread = true});
  Push(std::move(batch));
}

void Pipeline::Remove(model::Kind kind, const std::string& name) {
  sources::Batch batch;
  batch.objects.push_back({.key = {kind, "default", name}, .removed = true});
  Push(std::move(batch));
}

void Pipeline::PutSecret(const std::string& name, std::map<std::string, std::string> data) {
  sources::Batch batch;
  const model::NamedDataPtr made = Data(name, std::move(data));
  batch.data.push_back({sources::DataKind::kSecret, {{made->ns, made->name}, made}});
  Push(std::move(batch));
}

void Pipeline::RemoveSecret(const std::string& name) {
  sources::Batch batch;
  batch.data.push_back({sources::DataKind::kSecret, {{"default", name}, nullptr}});
  Push(std::move(batch));
}

void Pipeline::Sync() {
  sources::Batch batch;
  batch.synced = true;
  Push(std::move(batch));
}

int Pipeline::port() { return server_->port(); }

v1::Status Pipeline::StatusOf(model::Kind kind, const std::string& name) {
  v1::Status status;
  reporter_->Flush();
  OnLoop([&] {
    for (const controller::ObjectView& view : controller_->Objects(kind)) {
      if (view.key.name == name) status = view.status;
    }
  });
  return status;
}

v1::Status Pipeline::WaitStatus(model::Kind kind, const std::string& name,
                                const std::function<bool(const v1::Status&)>& what) {
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  for (;;) {
    v1::Status status = StatusOf(kind, name);
    if (what(status)) return status;
    if (absl::Now() > deadline) {
      ADD_FAILURE() << name << " has another status after 10 s: " << status.DebugString();
      return status;
    }
    std::this_thread::yield();
  }
}

double Pipeline::MetricValue(const std::string& line_start) {
  const std::string text = "\n" + metrics_->Text();
  const size_t at = text.find("\n" + line_start + " ");
  return at == std::string::npos ? -1 : std::strtod(text.c_str() + at + line_start.size() + 2, nullptr);
}

}  // namespace gloo::testing
