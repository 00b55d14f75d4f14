// glooctl schema and glooctl reference: the shape of all objects, for editors and for people.
#include <CLI/CLI.hpp>

#include <ostream>

#include "cli/verb.h"
#include "model/reference.h"
#include "model/writer.h"
#include "translator/registry.h"

namespace gloo::cli {

RunVerb AddSchema(CLI::App& app) {
  app.footer(
      "\nPrints JSON Schema, draft 2020-12. For editors with the YAML language server:\n"
      "  glooctl schema > gloo.schema.json\n"
      "  # yaml-language-server: $schema=gloo.schema.json      (first line of a file)");
  return [](Context& context) {
    context.out << model::JsonSchema(context.registry);
    return kOk;
  };
}

RunVerb AddReference(CLI::App& app) {
  app.footer("\nExample:\n  glooctl reference > reference.md");
  return [](Context& context) {
    context.out << model::ReferenceMarkdown(context.registry);
    return kOk;
  };
}

}  // namespace gloo::cli
