#include "model/object.h"

#include "base/strings.h"

namespace gloo::model {

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kUpstream:
      return "Upstream";
    case Kind::kVirtualService:
      return "VirtualService";
    case Kind::kRole:
      return "Role";
  }
  return "";
}

std::string ToString(const ObjectKey& key) { return StrCat(KindName(key.kind), " ", key.ns, "/", key.name); }

const v1::Metadata& Object::metadata() const {
  return std::visit([](const auto& message) -> const v1::Metadata& { return message.metadata(); }, body);
}

}  // namespace gloo::model
