#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstring>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "program_generated.h"
#include "runtime/model/graph.h"
#include "runtime/model/model_file.h"

// What parse_model() reads first: the pools of a file, in which equal things stand once, and memory that a
// model may take.
namespace graphrun::model {

inline Status bad_file(std::string message) { return {ErrorCode::invalid_file, std::move(message)}; }

// The elements of a vector that may be null.
template <class T>
flatbuffers::uoffset_t count(const flatbuffers::Vector<T>* items) {
  return items == nullptr ? 0 : items->size();
}

// Numbers of 8 bytes: the verifier aligns a vector's length, which has 4, but not its elements.
template <class T>
T element(const flatbuffers::Vector<T>& items, flatbuffers::uoffset_t index) {
  T value;
  std::memcpy(&value, items.Data() + std::size_t{index} * sizeof(T), sizeof(T));
  return flatbuffers::EndianScalar(value);
}

template <class T>
std::vector<T> numbers_of(const flatbuffers::Vector<T>* items) {
  std::vector<T> result;
  for (flatbuffers::uoffset_t i = 0; i < count(items); ++i) result.push_back(element(*items, i));
  return result;
}

// References into a verified buffer, resolved. Every copy is charged before it is made.
class PoolReader {
 public:
  PoolReader(const fb::Model& file, std::int64_t file_bytes)
      : file_(file), limit_(static_cast<std::uint64_t>(max_model_bytes(file_bytes))), budget_(limit_) {}
  // All pools. Errors: a reference that leads nowhere, memory.
  Status read();

  // Takes memory from what a model may use; called before it is allocated.
  Status charge(std::uint64_t items, std::uint64_t bytes_each);
  Result<std::string> text(const flatbuffers::String* item);
  Result<std::string> name(std::uint32_t reference);
  Result<Expr> expr(std::uint32_t index);
  // 1 + an index; 0 gives an expression without tokens.
  Result<Expr> optional_expr(std::uint32_t reference);
  Result<std::vector<Expr>> list(std::uint32_t index);
  Result<AttrMap> attrs(std::uint32_t index);
  Result<Init> init(std::uint32_t index);

  // Pointers and colour of a red-black tree's node, and the allocator's own.
  static constexpr std::size_t kMapNodeBytes = 48;

 private:
  struct AttrSet {
    AttrMap attrs;
    std::uint64_t bytes = 0;  // of a copy
  };
  Status charge_copy(const Expr& expr);
  Status read_names();
  Result<Expr> parse_expr(const fb::Expr& item);
  Status read_exprs();
  Status read_lists();
  Result<AttrValue> attr_value(const fb::Attr& attr);
  Status read_attr_sets();
  Status read_inits();

  const fb::Model& file_;
  std::uint64_t limit_;
  std::uint64_t budget_;  // what is left of it
  std::vector<std::string> names_;
  std::vector<Expr> exprs_;
  std::vector<std::vector<std::uint32_t>> lists_;
  std::vector<AttrSet> attr_sets_;
  std::vector<Init> inits_;
};

}  // namespace graphrun::model
