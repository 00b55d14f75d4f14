// The plugins at hand. Filled once at start (plugins/builtin.h), constant afterwards.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/parts.h"
#include "translator/plugin.h"

namespace gloo::translator {

class Registry final : public model::PartSchemas {
 public:
  Registry();
  ~Registry() override;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // A double name is a bug of ours and ends the program at start.
  void Add(std::unique_ptr<UpstreamPlugin> plugin);
  void Add(std::unique_ptr<FunctionPlugin> plugin);
  void Add(std::unique_ptr<RoutePlugin> plugin);
  void Add(std::unique_ptr<FilterPlugin> plugin);

  // By type or alias, in any letter case; null where there is none.
  const UpstreamPlugin* upstream(std::string_view type) const;
  const FunctionPlugin* function(std::string_view type) const;
  // By the full name of the message of its extensions.
  const RoutePlugin* route(std::string_view message) const;
  // In the order in which they were added: the order in which they are applied.
  const std::vector<std::unique_ptr<RoutePlugin>>& routes() const;
  const std::vector<std::unique_ptr<FilterPlugin>>& filters() const;

  // PartSchemas:
  const google::protobuf::Descriptor* FindMessage(v1::OpenPart part, std::string_view key) const override;
  const google::protobuf::FieldDescriptor* FindExtension(std::string_view key) const override;
  std::vector<std::string> Known(v1::OpenPart part) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gloo::translator
