#include "model/object.h"

#include "base/strings.h"
#include "model/message_reader.h"

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

Body::Body(v1::Upstream message) : dated_(message.metadata().has_creation_timestamp()) {
  held_ = std::make_shared<const v1::Upstream>(std::move(message));
}
Body::Body(const v1::VirtualService& message)
    : held_(std::make_shared<const std::string>(SerializeDeterministically(message))),
      dated_(message.metadata().has_creation_timestamp()) {}
Body::Body(v1::Role message) : dated_(message.metadata().has_creation_timestamp()) {
  held_ = std::make_shared<const v1::Role>(std::move(message));
}

std::optional<Body> Body::Parse(Kind kind, std::string bytes) {
  Body body;
  switch (kind) {
    case Kind::kUpstream: {
      v1::Upstream message;
      if (!message.ParseFromString(bytes)) return std::nullopt;
      return Body(std::move(message));
    }
    case Kind::kVirtualService: {
      v1::VirtualService message;
      if (!message.ParseFromString(bytes)) return std::nullopt;
      body.dated_ = message.metadata().has_creation_timestamp();
      body.held_ = std::make_shared<const std::string>(std::move(bytes));
      return body;
    }
    case Kind::kRole: {
      v1::Role message;
      if (!message.ParseFromString(bytes)) return std::nullopt;
      return Body(std::move(message));
    }
  }
  return std::nullopt;
}

std::string Body::Serialize() const {
  if (const auto* bytes = std::get_if<VirtualServiceBytes>(&held_)) return **bytes;
  return SerializeDeterministically(*message());
}

std::shared_ptr<const google::protobuf::Message> Body::message() const {
  if (const auto* upstream = std::get_if<std::shared_ptr<const v1::Upstream>>(&held_)) return *upstream;
  if (const auto* role = std::get_if<std::shared_ptr<const v1::Role>>(&held_)) return *role;
  return std::make_shared<const v1::VirtualService>(virtual_service());
}

v1::VirtualService Body::virtual_service() const {
  v1::VirtualService message;
  message.ParseFromString(*std::get<VirtualServiceBytes>(held_));
  return message;
}

v1::VirtualServiceSpec Object::virtual_service() const {
  v1::VirtualService message = body.virtual_service();
  return std::move(*message.mutable_spec());
}

v1::Metadata Object::metadata() const {
  switch (key.kind) {
    case Kind::kUpstream:
      return body.upstream().metadata();
    case Kind::kVirtualService:
      return body.virtual_service().metadata();
    case Kind::kRole:
      return body.role().metadata();
  }
  return {};
}

}  // namespace gloo::model
