// The compiled form of a template: instructions for a small stack machine. Internal to this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "template/functions.h"
#include "template/template.h"
#include "template/value.h"

namespace gloo::tmpl {

enum class Op : uint8_t {
  kText,           // append texts[a]
  kEmit,           // pop, append as `mode` says; errors call it texts[a - 1]
  kEmitVariable,   // append paths[a] as `mode` says
  kConstant,       // push constants[a]
  kVariable,       // push paths[a]; an error if it is missing
  kMaybeVariable,  // push paths[a], or a missing value
  kExists,         // push whether paths[a] exists
  kLoop,           // push field `b` of the loop at level `mode`
  kIndex,          // pop key and container, push the element
  kMaybeIndex,     // the same, missing if there is none
  kNot,
  kNegate,
  kTruthy,  // to a boolean
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kPower,
  kModulo,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kJump,         // to a
  kJumpIfFalse,  // pop; to a
  kJumpIfFound,  // to a if the top is neither missing nor null, else pop
  kCall,         // function a with b arguments
  kMaybeCall,    // the same, may give a missing value
  kArray,        // pop a elements
  kObject,       // pop a keys and values
  kForBegin,     // pop the sequence; loops[b] at level `mode`; to a if it is empty
  kForNext,      // to a while there are elements
  kSet,          // pop; assign sets[a]
};

// kJsonValue: outside quotes, where a string must be JSON itself.
enum class Emit : uint8_t { kRaw, kJsonString, kJsonValue, kPath, kQuery };

enum class LoopField : uint16_t { kIndex, kIndex1, kIsFirst, kIsLast, kAll };

struct Instruction {
  Op op;
  uint8_t mode = 0;
  uint16_t b = 0;
  uint32_t a = 0;
};

constexpr int kMaxStack = 256;
constexpr int kMaxLoops = 16;

struct Program {
  struct Path {
    VariablePath variable;
    uint32_t first_part = 0;
    uint32_t part_count = 0;
    int slot = -1;         // of a loop variable or one that is set
    bool fallback = true;  // the data is looked into when the slot does not have it
    // What a bare name is when the data does not have it either, -1 if nothing.
    int loop = -1;  // `field` of the loop at this level
    LoopField field = LoopField::kIndex;
    int function = -1;  // of no arguments
  };
  struct Loop {
    int key_slot = -1;
    int value_slot = -1;
  };
  struct Assignment {
    int slot = -1;
    uint32_t path = 0;  // whose parts from the second on are set inside the slot
  };

  std::string source;
  Arena arena{128};
  std::vector<Instruction> code;
  std::vector<uint32_t> positions;  // in the source, by instruction
  std::vector<std::string_view> texts;
  std::vector<Value> constants;
  std::vector<Path> paths;
  std::vector<std::string_view> parts;
  std::vector<Loop> loops;
  std::vector<Assignment> sets;
  std::vector<std::string_view> slots;  // names
  int max_stack = 0;
  // Null: those that all templates have.
  std::unique_ptr<const Limits> own_limits;
  const Limits& limits() const {
    static constexpr Limits kUsual;
    return own_limits == nullptr ? kUsual : *own_limits;
  }

  bool is_constant = false;  // all of it is texts
  bool reads_data = false;
  bool reads_request_header = false;
  std::vector<std::string> required;
  std::string_view prefix;
};

// Null on error.
std::unique_ptr<const Program> CompileProgram(std::string_view text, const TemplateOptions& options,
                                              std::vector<TemplateError>* errors);

bool RunProgram(const Program& program, Context* context, Arena* arena, Budget* budget, std::string* out,
                RenderError* error);

// 1-based, columns in characters.
void Locate(std::string_view source, size_t offset, uint32_t* line, uint32_t* column);

}  // namespace gloo::tmpl
