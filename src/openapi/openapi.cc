#include "openapi/openapi.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"
#include "base/url.h"
#include "openapi/operation.h"

namespace gloo::openapi {
namespace {

constexpr std::array<std::string_view, 8> kMethods = {"get",     "put",  "post",  "delete",
                                                      "options", "head", "patch", "trace"};

// A name that templates, tables and command lines show as it is.
bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= 200 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return c > ' ' && c != 0x7f; });
}

// "get_pets_id" of GET /pets/{id}: the same as long as method and path are.
std::string MadeName(std::string_view method, std::string_view path) {
  std::string name(method);
  bool gap = true;
  for (const char c : path) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '_') {
      gap = true;
      continue;
    }
    if (gap) name += '_';
    gap = false;
    name += c;
  }
  return name.substr(0, 200);
}

class Reader {
 public:
  Reader(const Loader& loader, const Options& options, Issues& issues)
      : options_(options), documents_(loader, issues), schemas_(documents_) {}

  Imported Run(const std::string& location);

 private:
  bool ReadVersion(const At& root);
  void ReadServer(const At& root, const std::string& location);
  std::string SwaggerUrl(const At& root) const;
  std::string FirstServer(const At& owner) const;
  void ReadPaths(const At& paths);
  void ReadOperation(std::string_view path, const At& item, std::string_view method, const At& operation);
  std::string NameOf(std::string_view path, std::string_view method, const At& operation);

  const Options& options_;
  Documents documents_;
  Schemas schemas_;
  Common common_;
  // As the document writes it.
  std::string own_server_;
  std::set<std::string> names_;
  Imported out_;
};

bool Reader::ReadVersion(const At& root) {
  const std::string_view swagger = root.Text("swagger");
  const std::string_view openapi = root.Text("openapi");
  common_.swagger = swagger.starts_with("2.");
  if (common_.swagger || openapi.starts_with("3.0") || openapi.starts_with("3.1")) return true;
  const std::string found = !swagger.empty()   ? StrCat("swagger ", swagger)
                            : !openapi.empty() ? StrCat("openapi ", openapi)
                                               : "neither `swagger` nor `openapi`";
  documents_.Error(root, "UnsupportedVersion", StrCat("is of ", found, "; Swagger 2.0, OpenAPI 3.0 and 3.1 are read"));
  return false;
}

std::string Reader::SwaggerUrl(const At& root) const {
  const At schemes = root.Child("schemes");
  bool https = !schemes.IsList() || schemes.node->items.empty();
  for (size_t i = 0; schemes.IsList() && i < schemes.node->items.size(); ++i) {
    https = https || schemes.Item(i).Text() == "https";
  }
  const std::string_view host = root.Text("host");
  return StrCat(host.empty() ? "" : https ? "https://" : "http://", host, root.Text("basePath"));
}

// Variables take their defaults.
std::string Reader::FirstServer(const At& owner) const {
  const At servers = owner.Child("servers");
  if (!servers.IsList() || servers.node->items.empty()) return "";
  const At server = servers.Item(0);
  std::string_view rest = server.Text("url");
  std::string url;
  while (!rest.empty()) {
    const size_t open = rest.find('{');
    const size_t close = open == std::string_view::npos ? open : rest.find('}', open);
    if (close == std::string_view::npos) break;
    StrAppend(&url, rest.substr(0, open),
              server.Child("variables").Child(rest.substr(open + 1, close - open - 1)).Text("default"));
    rest.remove_prefix(close + 1);
  }
  return StrCat(url, rest);
}

void Reader::ReadServer(const At& root, const std::string& location) {
  own_server_ = common_.swagger ? SwaggerUrl(root) : FirstServer(root);
  std::string url = options_.server.empty() ? own_server_ : options_.server;
  // Of a document that was fetched, relative to where it was.
  if (!IsUrl(url) && IsUrl(location)) {
    url = url.empty() || url == "/" ? location.substr(0, location.find('/', location.find("://") + 3))
                                    : RelativeLocation(location, url);
  }
  out_.server = ParseServer(url);
  if (out_.server) {
    common_.server = *out_.server;
    return;
  }
  if (url.find("://") != std::string::npos) {
    documents_.Warning(root.Child(common_.swagger ? "host" : "servers"), "BadServer",
                       StrCat("\"", url, "\" is no URL of http or https with a host"));
  }
  // Of an upstream that is there already, the path is all that is needed.
  if (url.starts_with('/') && url.size() > 1) common_.server.base_path = url;
  while (common_.server.base_path.ends_with('/')) common_.server.base_path.pop_back();
}

std::string Reader::NameOf(std::string_view path, std::string_view method, const At& operation) {
  const At id = operation.Child("operationId");
  std::string name(id.Text());
  const std::string made = MadeName(method, path);
  if (!name.empty() && !IsName(name)) {
    documents_.Warning(id, "BadOperationId", StrCat("cannot be a name; the function is called \"", made, "\""));
    name.clear();
  }
  if (name.empty()) name = made;
  if (names_.insert(name).second) return name;
  if (name != made && names_.insert(made).second) {
    documents_.Warning(id, "DuplicateOperation",
                       StrCat("\"", name, "\" is there before; the function is called \"", made, "\""));
    return made;
  }
  documents_.Warning(id ? id : operation, "DuplicateOperation",
                     StrCat("\"", name, "\" is there before; the operation is left out"));
  return "";
}

void Reader::ReadOperation(std::string_view path, const At& item, std::string_view method, const At& operation) {
  if (!operation.IsMap()) {
    documents_.Error(operation, "BadOperation", "an operation must be a mapping");
    return;
  }
  for (const At& owner : {operation, item}) {
    const std::string own = FirstServer(owner);
    if (own.empty() || own == own_server_) continue;
    documents_.Warning(owner.Child("servers"), "OtherServer",
                       StrCat("the operation has a server of its own, ", own,
                              ", which is another upstream; the operation is left out"));
    return;
  }
  OperationReader reader(documents_, schemas_, common_);
  std::optional<model::Value> spec = reader.Read(path, item, method, operation);
  if (!spec) return;
  std::string name = NameOf(path, method, operation);
  if (name.empty()) return;
  out_.functions.push_back(
      {std::move(name), StrCat(absl::AsciiStrToUpper(AbslView(method)), " ", path), *std::move(spec)});
}

void Reader::ReadPaths(const At& paths) {
  for (const model::Entry& entry : paths.node->entries) {
    if (entry.key.starts_with("x-")) continue;
    const At written = paths.Child(entry);
    if (!entry.key.starts_with('/')) {
      documents_.Error(written, "BadPath", StrCat("\"", entry.key, "\" must begin with \"/\""));
      continue;
    }
    const At item = documents_.Resolve(written);
    if (!item.IsMap()) continue;
    for (const std::string_view method : kMethods) {
      const At operation = item.Child(method);
      if (!operation) continue;
      if (out_.functions.size() >= kMaxOperations) {
        documents_.Error(operation, "TooLarge", StrCat("the document has more than ", kMaxOperations, " operations"));
        return;
      }
      ReadOperation(entry.key, item, method, operation);
    }
  }
}

Imported Reader::Run(const std::string& location) {
  const At root = documents_.Open(location);
  if (!root) return {};
  if (!root.IsMap()) {
    documents_.Error(root, "UnsupportedVersion", "is no OpenAPI document: it must be a mapping");
    return {};
  }
  if (!ReadVersion(root)) return {};
  common_.consumes = root.Child("consumes");
  ReadServer(root, location);
  const At paths = root.Child("paths");
  if (!paths.IsMap() || paths.node->entries.empty()) {
    documents_.Error(paths ? paths : root, "NoOperations", "has no paths: there is nothing to call");
    return std::move(out_);
  }
  ReadPaths(paths);
  return std::move(out_);
}

}  // namespace

std::optional<Server> ParseServer(std::string_view text) {
  std::optional<Url> url = ParseUrl(text);
  if (!url) return std::nullopt;
  Server server;
  server.tls = url->tls;
  server.host = std::move(url->host);
  server.port = url->port;
  server.base_path = url->target.substr(0, url->target.find('?'));
  while (server.base_path.ends_with('/')) server.base_path.pop_back();
  return server;
}

Imported Read(const std::string& location, const Loader& loader, const Options& options, Issues& issues) {
  return Reader(loader, options, issues).Run(location);
}

}  // namespace gloo::openapi
