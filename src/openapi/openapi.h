// Swagger 2.0, OpenAPI 3.0 and 3.1: a document's operations as REST functions, its server as an upstream's host.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/issues.h"
#include "model/value.h"
#include "openapi/documents.h"

namespace gloo::openapi {

// Bounds what is kept with a function.
inline constexpr size_t kMaxInputBytes = 8 << 10;
inline constexpr size_t kMaxOutputBytes = 4 << 10;
inline constexpr size_t kMaxOperations = 10'000;

struct Function {
  std::string name;
  // "GET /pets/{id}".
  std::string operation;
  // The spec of a REST function.
  model::Value spec;
};

struct Server {
  std::string host;
  int port = 0;
  bool tls = false;
  // "/v1", or empty.
  std::string base_path;
};

struct Imported {
  std::vector<Function> functions;
  // What the operations of the document are asked of; none where the document says none.
  std::optional<Server> server;
};

struct Options {
  // In place of the document's own: a URL, with or without a path.
  std::string server;
};

// Reads `location` by `loader`. What cannot be read is an error in `issues`; an operation that cannot be called rightly
// is left out with a warning. Paths of issues are JSON pointers.
Imported Read(const std::string& location, const Loader& loader, const Options& options, Issues& issues);

// Nothing where it is no `http` or `https` URL.
std::optional<Server> ParseServer(std::string_view url);

}  // namespace gloo::openapi
