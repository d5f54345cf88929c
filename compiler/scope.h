#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source.h"
#include "runtime/model/graph.h"

// What names mean while a graph is expanded.
namespace graphrun::compiler {

// A value that an error left undefined; nodes that read it are passed over in silence.
inline constexpr ValueId kPoison = -2;

// The names of one block call. A block sees its own inputs and parameters, nothing of its caller.
struct Scope {
  std::map<std::string, Expr, std::less<>> numbers;
  std::map<std::string, ValueId, std::less<>> values;
};

// Initialisers that a call or a group sets for the nodes inside, by "op.slot".
using Inits = std::map<std::string, Init, std::less<>>;

// A list of statements that is being expanded: a block's, a repeat's or a group's.
struct Frame {
  const JsonValue* statements = nullptr;
  std::shared_ptr<Scope> scope;  // shared by a block's body and the repeats in it
  std::string prefix;            // of paths; empty or ending in "."
  std::shared_ptr<const Inits> inits;
  std::shared_ptr<const AttrMap> defaults;  // of attributes that nodes inside do not give: "op.attribute"
  ValueId previous = kNoValue;              // result of the statement before
  std::size_t next = 0;

  const JsonValue* statement = nullptr;  // that opened this frame
  const Block* block = nullptr;          // of a call
  std::int64_t iteration = 0;            // of a repeat
  std::int64_t count = 1;
  std::string index;
  std::string base;  // prefix around a repeat
};

}  // namespace graphrun::compiler
