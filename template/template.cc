#include "template/template.h"

#include <algorithm>

#include "template/compiler.h"
#include "template/json.h"
#include "template/program.h"

namespace gloo::tmpl {

std::string TemplateError::ToString() const {
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + message;
}

bool ValueContext::Find(const VariablePath& path, Arena*, Value* value) {
  const Value* at = &root_;
  for (std::string_view part : path.parts) {
    at = FindStep(*at, part);
    if (at == nullptr) break;
  }
  *value = at == nullptr ? Value::Missing() : *at;
  return true;
}

Template::Template(std::unique_ptr<const Program> program)
    : program_(std::move(program)), size_(static_cast<uint32_t>(program_->source.size())) {
  if (!program_->is_constant) return;
  for (const std::string_view text : program_->texts) constant_.append(text);
  constant_.shrink_to_fit();
  prefix_size_ = static_cast<uint32_t>(std::min(program_->prefix.size(), constant_.size()));
  program_.reset();
}
Template::~Template() = default;

std::unique_ptr<const Template> Template::Compile(std::string_view text, const TemplateOptions& options,
                                                  std::vector<TemplateError>* errors) {
  std::unique_ptr<const Program> program = CompileProgram(text, options, errors);
  if (program == nullptr) return nullptr;
  return std::unique_ptr<const Template>(new Template(std::move(program)));
}

bool Template::Render(Context* context, Arena* arena, std::string* out, RenderError* error, Budget* budget) const {
  if (program_ == nullptr) {
    out->append(constant_);
    return true;
  }
  Budget own{program_->limits().work};
  return RunProgram(*program_, context, arena, budget == nullptr ? &own : budget, out, error);
}

bool Template::reads_data() const { return program_ != nullptr && program_->reads_data; }
bool Template::reads_request_header() const { return program_ != nullptr && program_->reads_request_header; }
const std::vector<std::string>& Template::required() const {
  static const auto* const none = new std::vector<std::string>();
  return program_ == nullptr ? *none : program_->required;
}
size_t Template::size() const { return size_; }
std::string_view Template::prefix() const {
  return program_ == nullptr ? std::string_view(constant_).substr(0, prefix_size_) : program_->prefix;
}

std::unique_ptr<const Program> CompileProgram(std::string_view text, const TemplateOptions& options,
                                              std::vector<TemplateError>* errors) {
  auto program = std::make_unique<Program>();
  if (!(options.limits == Limits())) program->own_limits = std::make_unique<Limits>(options.limits);
  ErrorList list(program->source, errors);
  if (text.size() > options.limits.template_bytes) {
    list.Add(0, "the template is too large: more than " + std::to_string(options.limits.template_bytes) + " bytes");
    return nullptr;
  }
  program->source = text;
  ErrorList placed(program->source, errors);
  Compiler(program.get(), options, &placed).Compile();
  if (placed.any()) return nullptr;
  // A program lasts as long as its route.
  const auto shrink = [](auto&... lists) { (lists.shrink_to_fit(), ...); };
  shrink(program->code, program->positions, program->texts, program->constants, program->paths, program->loops,
         program->sets, program->slots);
  return program;
}

bool SplitPath(std::string_view text, std::vector<std::string_view>* parts) {
  parts->clear();
  while (true) {
    size_t end = text.find_first_of("./");
    if (end == 0 || text.empty() || parts->size() == kMaxPathParts) return false;
    parts->push_back(text.substr(0, end));
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

void Locate(std::string_view source, size_t offset, uint32_t* line, uint32_t* column) {
  *line = 1;
  *column = 1;
  for (size_t i = 0; i < offset && i < source.size(); ++i) {
    if (source[i] == '\n') {
      ++*line;
      *column = 1;
    } else if ((static_cast<unsigned char>(source[i]) & 0xc0) != 0x80) {
      ++*column;
    }
  }
}

}  // namespace gloo::tmpl
