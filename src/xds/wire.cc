#include "xds/wire.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gloo::xds {
namespace {

using snapshot::ResourcePtr;
using snapshot::Type;

// Bodies of at least this size travel as slices that refer to the resource; for smaller ones a copy costs less than
// a slice of their own.
constexpr size_t kByReference = 2048;

constexpr size_t VarintSize(uint64_t value) {
  size_t out = 1;
  while (value >= 0x80) value >>= 7, ++out;
  return out;
}

// Field tag (numbers below 16), length, bytes.
constexpr size_t FieldSize(size_t length) { return 1 + VarintSize(length) + length; }

class Writer {
 public:
  void Tag(int field) { buffer_.push_back(static_cast<char>(field << 3 | 2)); }
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      buffer_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    buffer_.push_back(static_cast<char>(value));
  }
  // A length-delimited field; an empty one is left out, as proto3 does.
  void Field(int field, std::string_view bytes) {
    if (bytes.empty()) return;
    Begin(field, bytes.size());
    buffer_.append(bytes);
  }
  void Begin(int field, size_t length) {
    Tag(field);
    Varint(length);
  }
  void Raw(std::string_view bytes) { buffer_.append(bytes); }
  void Body(const ResourcePtr& resource) {
    if (resource->body.size() < kByReference) {
      buffer_.append(resource->body);
      return;
    }
    Cut();
    // The slice holds the resource until gRPC has written it.
    auto owner = std::make_unique<ResourcePtr>(resource);
    slices_.emplace_back(
        const_cast<char*>(resource->body.data()), resource->body.size(),
        [](void* p) { std::unique_ptr<ResourcePtr>(static_cast<ResourcePtr*>(p)).reset(); }, owner.release());
  }
  grpc::ByteBuffer Finish() {
    Cut();
    return grpc::ByteBuffer(slices_.data(), slices_.size());
  }

 private:
  void Cut() {
    if (buffer_.empty()) return;
    auto owner = std::make_unique<std::string>(std::exchange(buffer_, {}));
    char* const data = owner->data();
    const size_t size = owner->size();
    slices_.emplace_back(
        data, size, [](void* p) { std::unique_ptr<std::string>(static_cast<std::string*>(p)).reset(); },
        owner.release());
  }

  std::string buffer_;
  std::vector<grpc::Slice> slices_;
};

// A secret that answers for another name is sent under the name asked for.
ResourcePtr UnderName(const Response::Item& item) {
  if (item.resource->ref.type != Type::kSecret || item.resource->ref.name == item.name) return item.resource;
  auto renamed = std::make_shared<snapshot::Resource>(*item.resource);
  renamed->body = snapshot::RenameSecret(item.resource->body, item.name);
  return renamed;
}

size_t AnySize(std::string_view url, const ResourcePtr& resource) {
  return FieldSize(url.size()) + (resource->body.empty() ? 0 : FieldSize(resource->body.size()));
}

void WriteAny(std::string_view url, const ResourcePtr& resource, Writer* out) {
  out->Field(1, url);
  if (resource->body.empty()) return;
  out->Begin(2, resource->body.size());
  out->Body(resource);
}

}  // namespace

grpc::ByteBuffer EncodeDelta(const Response& response) {
  Writer out;
  out.Field(1, response.version);  // system_version_info
  for (const Response::Item& item : response.items) {
    const ResourcePtr resource = UnderName(item);
    const size_t any = AnySize(response.type_url, resource);
    out.Begin(2, FieldSize(resource->version.size()) + FieldSize(any) + FieldSize(item.name.size()));
    out.Field(1, resource->version);
    out.Begin(2, any);
    WriteAny(response.type_url, resource, &out);
    out.Field(3, item.name);
  }
  out.Field(4, response.type_url);
  out.Field(5, response.nonce);
  for (const std::string& name : response.removed) {
    out.Begin(6, name.size());
    out.Raw(name);
  }
  return out.Finish();
}

grpc::ByteBuffer EncodeSotw(const Response& response) {
  Writer out;
  out.Field(1, response.version);
  for (const Response::Item& item : response.items) {
    const ResourcePtr resource = UnderName(item);
    out.Begin(2, AnySize(response.type_url, resource));
    WriteAny(response.type_url, resource, &out);
  }
  out.Field(4, response.type_url);
  out.Field(5, response.nonce);
  return out.Finish();
}

}  // namespace gloo::xds
