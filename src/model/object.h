// Validated, immutable configuration objects, secrets and artifacts.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/v1/role.pb.h"
#include "api/v1/upstream.pb.h"
#include "api/v1/virtual_service.pb.h"
#include "base/issues.h"

namespace gloo::model {

inline constexpr std::string_view kApiVersion = "gloo.solo.io/v1";
inline constexpr std::string_view kDefaultNamespace = "default";

enum class Kind : uint8_t { kUpstream, kVirtualService, kRole };
inline constexpr Kind kKinds[] = {Kind::kUpstream, Kind::kVirtualService, Kind::kRole};

// "Upstream", "VirtualService", "Role".
std::string_view KindName(Kind kind);

struct ObjectKey {
  Kind kind = Kind::kUpstream;
  std::string ns = std::string(kDefaultNamespace);
  std::string name;

  auto operator<=>(const ObjectKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const ObjectKey& k) {
    return H::combine(std::move(h), k.kind, k.ns, k.name);
  }
};

// "VirtualService default/petstore".
std::string ToString(const ObjectKey& key);

// Where an object was read. `location` is the source's own word (a file path relative to the watched root, a
// KV key ...); `document` counts the documents of a file from 0; `line` is that of the document's first line.
struct Origin {
  std::string source;
  std::string location;
  int document = 0;
  int line = 0;

  bool operator==(const Origin&) const = default;
};

// The message of an object: metadata included, status left out. Open parts are Any messages whose value is the
// deterministic serialization of the plugin's message. Copies share it.
class Body {
 public:
  Body() = default;
  explicit Body(v1::Upstream message);
  explicit Body(const v1::VirtualService& message);
  explicit Body(v1::Role message);
  // As Serialize() made it; none where the bytes are no such message.
  static std::optional<Body> Parse(Kind kind, std::string bytes);

  std::string Serialize() const;
  std::shared_ptr<const google::protobuf::Message> message() const;

  const v1::Upstream& upstream() const { return *std::get<std::shared_ptr<const v1::Upstream>>(held_); }
  v1::VirtualService virtual_service() const;
  // Has a creation timestamp.
  bool dated() const { return dated_; }
  const v1::Role& role() const { return *std::get<std::shared_ptr<const v1::Role>>(held_); }

 private:
  // Nearly all of a large configuration is virtual services, and as bytes they take a tenth of the memory.
  using VirtualServiceBytes = std::shared_ptr<const std::string>;
  std::variant<std::shared_ptr<const v1::Upstream>, VirtualServiceBytes, std::shared_ptr<const v1::Role>> held_;
  bool dated_ = false;
};

struct Object {
  ObjectKey key;
  // Counts changes of the spec; given by the source, or kept by the controller for sources that count none.
  int64_t generation = 0;
  // Nanoseconds since the epoch; of two claimants the one with the smaller (created, key) is the older.
  int64_t created = 0;
  Origin origin;
  // Content hash of the spec: two objects with the same hash mean the same.
  std::string hash;
  Body body;

  const v1::UpstreamSpec& upstream() const { return body.upstream().spec(); }
  // Parsed by each call.
  v1::VirtualServiceSpec virtual_service() const;
  const v1::RoleSpec& role() const { return body.role().spec(); }
  v1::Metadata metadata() const;
};

using ObjectPtr = std::shared_ptr<const Object>;

// A secret or an artifact: named bytes. Never printed.
struct NamedData {
  std::string ns = std::string(kDefaultNamespace);
  std::string name;
  std::map<std::string, std::string> data;
  // Content hash over keys and values.
  std::string hash;
};
using NamedDataPtr = std::shared_ptr<const NamedData>;

// Namespace and name of a secret or an artifact.
struct DataKey {
  std::string ns = std::string(kDefaultNamespace);
  std::string name;

  auto operator<=>(const DataKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const DataKey& k) {
    return H::combine(std::move(h), k.ns, k.name);
  }
};

}  // namespace gloo::model
