// A translator with the built-in plugins, and the snapshots that its deltas add up to.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/object.h"
#include "snapshot/snapshot.h"
#include "translator/registry.h"
#include "translator/translator.h"

namespace gloo::testing {

const translator::Registry& Builtins();

// Reads one document; ends the test program where it cannot be read.
model::ObjectPtr Read(std::string_view yaml, int64_t created = 1, int64_t generation = 1);

struct KeyPair {
  std::string certificate;
  std::string key;
};
// Self-signed, for `name`; made on first use, the same ever after.
const KeyPair& PairFor(const std::string& name);
model::NamedDataPtr Data(const std::string& name, std::map<std::string, std::string> data);

class World {
 public:
  explicit World(translator::Settings settings = {});

  translator::Result Apply(const translator::Changes& changes);
  // Objects of a text of many documents, made in the order written.
  translator::Result ApplyText(std::string_view yaml);
  translator::Result Put(model::ObjectPtr object);
  translator::Result Remove(const model::ObjectKey& key);
  translator::Result PutSecret(const model::NamedDataPtr& data);
  translator::Result RemoveSecret(const std::string& name);

  const translator::Translator& translator() const { return translator_; }
  // Empty where the role is served nothing.
  const snapshot::Snapshot& Role(const std::string& role) const;
  std::map<std::string, snapshot::Snapshot>& roles() { return roles_; }
  const std::map<model::ObjectKey, translator::Report>& reports() const { return reports_; }
  const translator::Report& ReportOf(const std::string& kind_and_name) const;
  // Violations of all snapshots so far.
  const std::vector<std::string>& violations() const { return violations_; }

  // Everything that is served and reported, one line each: two worlds that are equal give equal texts.
  std::string Dump() const;
  // "name" of all resources of a type, sorted.
  std::vector<std::string> Names(snapshot::Type type, const std::string& role = "ingress") const;

 private:
  translator::Translator translator_;
  std::map<std::string, snapshot::Snapshot> roles_;
  std::map<model::ObjectKey, translator::Report> reports_;
  std::vector<std::string> violations_;
  int64_t created_ = 0;
};

std::string ToText(const translator::Report& report);

}  // namespace gloo::testing
