#include "translator/route_memo.h"

#include <algorithm>
#include <utility>

namespace gloo::translator {

const RouteOutput* RouteMemo::Find(std::string_view route) {
  if (!forgotten_.empty()) DropForgotten();
  auto it = known_.find(absl::string_view(route.data(), route.size()));
  if (it == known_.end()) return nullptr;
  it->second.used = run_;
  return &it->second.output;
}

const RouteOutput* RouteMemo::Keep(std::string_view route, RouteOutput output) {
  output.reads = *reads_.insert(std::move(output.reads)).first;
  Known& known = known_[std::string(route)];
  known = {std::move(output), run_};
  return &known.output;
}

void RouteMemo::DropForgotten() {
  const auto stale = [this](const auto& reads) {
    return std::any_of(reads->facts.begin(), reads->facts.end(),
                       [this](const Fact& fact) { return forgotten_.contains(fact); });
  };
  std::set<const RouteReads*> gone;
  for (const auto& reads : reads_) {
    if (stale(reads)) gone.insert(reads.get());
  }
  forgotten_.clear();
  if (gone.empty()) return;
  absl::erase_if(known_, [&gone](const auto& entry) { return gone.contains(entry.second.output.reads.get()); });
  std::erase_if(reads_, [&gone](const auto& reads) { return gone.contains(reads.get()); });
}

void RouteMemo::Sweep() {
  absl::erase_if(known_, [this](const auto& entry) { return entry.second.used != run_; });
  std::erase_if(reads_, [](const auto& reads) { return reads.use_count() == 1; });
  ++run_;
}

}  // namespace gloo::translator
