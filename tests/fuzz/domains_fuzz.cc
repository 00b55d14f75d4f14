// The configuration of the scope key and hosts of requests: any bytes, never a crash. An input is a table of domains
// and, behind its last line break, an :authority.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "filters/domain_table.h"
#include "filters/json.h"
#include "template/host.h"

namespace {

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gloo;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.rfind('\n');
  const std::string_view config = input.substr(0, line == input.npos ? size : line);
  const std::string_view authority = line == input.npos ? std::string_view() : input.substr(line + 1);

  std::array<char, tmpl::kMaxHost> buffer;
  const std::string host(tmpl::NormalizeHost(authority, &buffer));
  Check(host.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == host.npos, "a host is in lower case");
  Check(host.size() <= authority.size(), "a host is no longer than the authority");

  filters::Json json;
  std::string error;
  const bool read = filters::ParseJson(config, &json, &error);
  Check(read || !error.empty(), "an error says what is wrong");
  error.clear();
  const auto table = filters::DomainTable::Parse(config, &error);
  Check((table == nullptr) == !error.empty(), "a table or an error");
  if (table == nullptr) return 0;
  Check(read && !table->id().empty(), "a table is JSON and has a name");
  static filters::DomainTables::Slot* const slot = filters::DomainTables::Find("fuzz");
  const filters::DomainTables::Publication publication(slot, table);
  const filters::Json* listeners = json.Find("listeners");
  if (listeners == nullptr) return 0;
  for (const auto& [name, domains] : listeners->object) {
    Check(table->Find(name) != nullptr, "what is named is found");
    const std::string_view key = slot->Get()->Match(name, host);
    if (key.empty()) continue;
    Check(key.starts_with(name + "|*"), "a key is of the listener, and a wildcard");
    const std::string_view suffix = key.substr(name.size() + 2);
    Check(host.size() > suffix.size() || suffix.empty(), "a wildcard covers a label at least");
    Check(host.ends_with(suffix), "a wildcard covers what ends like it");
  }
  return 0;
}
