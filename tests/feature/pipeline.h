// The control plane from the controller to the xDS server, with the built-in plugins and a state directory; the test
// is its source.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "controller/controller.h"
#include "reporter/reporter.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"
#include "state/store.h"
#include "translator/translator.h"
#include "xds/server.h"

namespace gloo::testing {

// `type: static`, one host on 10.0.0.1.
std::string Upstream(std::string_view name, int port = 80);
// Routes are lines of YAML flow maps: `{requestMatcher: ..., singleDestination: ...}`. `more` goes into the spec.
std::string VirtualService(std::string_view name, std::string_view domains, std::string_view routes,
                           std::string_view more = "");
// A route to an upstream for all below a prefix.
std::string To(std::string_view upstream, std::string_view prefix = "/");

class Pipeline : public ::testing::Test {
 protected:
  Pipeline();
  ~Pipeline() override;

  // With the same state directory, as after the end of the process. The last good state is served after `patience`.
  void Restart(absl::Duration patience = absl::Seconds(1));

  // What a source pushes: the documents of a text, in one batch. `file` is where they stand.
  void Put(const std::string& yaml, const std::string& file = "a.yaml");
  // The file cannot be read any more; the objects in it keep what they were.
  void Break(const std::string& file);
  void Remove(model::Kind kind, const std::string& name);
  void PutSecret(const std::string& name, std::map<std::string, std::string> data);
  void RemoveSecret(const std::string& name);
  // The source has said all that there is. Until then no Envoy is answered, unless there is a last good state.
  void Sync();

  int port();
  v1::Status StatusOf(model::Kind kind, const std::string& name);
  // Waits until the object's status fulfils `what`; gives it.
  v1::Status WaitStatus(model::Kind kind, const std::string& name, const std::function<bool(const v1::Status&)>& what);
  void OnLoop(const std::function<void()>& fn);
  runtime::Metrics& metrics() { return *metrics_; }
  double MetricValue(const std::string& line_start);

 private:
  void Boot(absl::Duration patience);
  void Halt();
  void Push(sources::Batch batch);

  std::string folder_;
  std::unique_ptr<runtime::Loop> loop_;
  std::unique_ptr<runtime::Metrics> metrics_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<translator::Translator> translator_;
  std::unique_ptr<xds::Server> server_;
  std::unique_ptr<reporter::Reporter> reporter_;
  std::unique_ptr<controller::Controller> controller_;
  std::thread thread_;
};

}  // namespace gloo::testing
