// Turns tokens into a program: statements, scopes of variables, where values land. Internal to this folder.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "template/expression.h"
#include "template/lexer.h"
#include "template/program.h"

namespace gloo::tmpl {

// What the template's own text says about the place that is reached.
struct TextState {
  bool in_string = false;  // inside quotes of a JSON text
  bool unsure = false;     // inside or not, by which branch was taken
  bool escaped = false;    // behind a backslash there
  bool in_query = false;   // behind the "?" of a path
  bool operator==(const TextState&) const = default;
};

class Compiler {
 public:
  Compiler(Program* program, const TemplateOptions& options, ErrorList* errors)
      : program_(program), options_(options), errors_(errors), tokens_(Tokenize(program->source)) {}

  void Compile();

 private:
  struct LoopScope {
    std::string_view key;  // empty in a loop over an array
    std::string_view value;
    int key_slot = -1;
    int value_slot = -1;
  };
  struct NamedSlot {
    std::string_view name;
    int slot;
    bool certain;  // set on every way to here, as a whole
  };
  // What a path that is read needs to know once all assignments are.
  struct OpenPath {
    uint32_t path;
    std::string_view root;
    bool required;
    bool looks_into_data;
  };

  // Statements. Each stands behind the name of the statement; errors skip to the end of the tag.
  void Block(std::string_view opener, size_t opener_offset);
  bool AtStop() const;
  void Text(const Token& token);
  void Substitution();
  void Statement();
  void If(uint32_t offset);
  void For(uint32_t offset);
  void ForBody(uint32_t offset, const LoopScope& scope);
  void Set(uint32_t offset);
  bool CloseTag();
  bool TakeStop(std::string_view name, std::string_view opener, size_t opener_offset);
  void SkipTag();
  void Unknown(const Token& token);

  // Expressions. `maybe`: a missing value may be the result.
  Expr* Parse();
  void Generate(const Expr& expr, bool maybe);
  void GenerateVariable(const Expr& expr, bool maybe);
  void GenerateLoopField(const Expr& expr);
  void GenerateCall(const Expr& expr, bool maybe);
  void GenerateLogic(const Expr& expr);
  void GenerateTernary(const Expr& expr, bool maybe);
  void GenerateSubstitution(const Expr& expr);
  Emit EmitModeFor(const Expr& expr);
  void EmitTop(const Expr& expr, Emit mode);

  // Instructions. `change` is what the stack grows by.
  uint32_t Add(Op op, uint32_t offset, int change, uint32_t a = 0, uint16_t b = 0, uint8_t mode = 0);
  void PatchToHere(uint32_t jump) { program_->code[jump].a = static_cast<uint32_t>(program_->code.size()); }
  uint32_t AddConstant(const Value& value);
  uint32_t AddPath(std::string_view text, const std::string_view* parts, uint32_t count, bool required);
  int NewSlot(std::string_view name);
  int SlotOfSet(std::string_view name, bool certain);
  // What a bare name stands for when neither data nor parameters have it.
  void BindFallback(uint32_t path);
  void ResolvePaths();
  int FindParameter(std::string_view text, const std::string_view* parts, uint32_t count) const;

  Program* program_;
  const TemplateOptions& options_;
  ErrorList* errors_;
  std::vector<Token> tokens_;
  size_t position_ = 0;
  Arena tree_;
  Landing landing_ = Landing::kText;
  TextState state_;
  std::vector<LoopScope> scopes_;
  std::vector<NamedSlot> set_slots_;
  std::vector<OpenPath> open_paths_;
  int stack_ = 0;
  int conditional_ = 0;  // over 0 where the code may not run
  int nesting_ = 0;
  bool gave_up_ = false;  // nested too deep: what follows is not read
  int chain_ = 0;         // of "else if"
  bool told_unsure_ = false;
};

}  // namespace gloo::tmpl
