#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace graphrun {

// An integer that may depend on symbols (N, H, W, classes, ...), kept in canonical form: a sum of products of
// symbols and of opaque terms (floor quotient, remainder, minimum, maximum). Two expressions that are equal
// by the laws of +, - and * compare equal, so shapes can be checked before any size is known.
//
// Overflow, division by zero, nesting deeper than kMaxDimDepth, more than kMaxDimTerms products and terms of
// more than kMaxDimText characters together (a short expression from a file could otherwise fill the memory)
// give an invalid Dim, which every operation passes on; check valid() where a Dim is used.
class Dim {
 public:
  Dim() = default;
  Dim(std::int64_t constant) : constant_(constant) {}  // NOLINT: an integer is a Dim
  static Dim symbol(std::string_view name);
  static Dim invalid();

  bool valid() const { return valid_; }
  bool is_constant() const { return valid_ && terms_ == nullptr; }
  // Precondition: is_constant().
  std::int64_t constant() const { return constant_; }

  // The number when each symbol has the value that `lookup` gives; empty where a symbol has none, or
  // overflow.
  using Lookup = std::function<std::optional<std::int64_t>(std::string_view)>;
  std::optional<std::int64_t> evaluate(const Lookup& lookup) const;
  // This expression with some symbols replaced; a symbol for which `lookup` is empty stays.
  Dim substitute(const std::function<std::optional<Dim>(std::string_view)>& lookup) const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim floor_div(const Dim& a, const Dim& b);
  friend Dim remainder(const Dim& a, const Dim& b);  // a - b * floor_div(a, b)
  friend Dim min(const Dim& a, const Dim& b);
  friend Dim max(const Dim& a, const Dim& b);
  // Equal for all values of the symbols, as far as the canonical form shows it. Invalid equals nothing.
  friend bool operator==(const Dim& a, const Dim& b);

  // About how many bytes of memory the terms take, which copies of a Dim share; 0 for a constant.
  std::size_t bytes() const;
  // Address of the terms, which all Dims that share them have while one of them lives. Null for a constant.
  const void* identity() const { return terms_.get(); }

  struct Terms;  // of the canonical form; private to dim.cpp

 private:
  static Dim from(std::int64_t constant, std::shared_ptr<const Terms> terms);
  bool valid_ = true;
  std::int64_t constant_ = 0;
  std::shared_ptr<const Terms> terms_;  // null: a constant
  friend struct DimAlgebra;
};

inline constexpr int kMaxDimDepth = 64;
inline constexpr std::size_t kMaxDimTerms = 64;
inline constexpr std::size_t kMaxDimText = 2048;

// "(H - 1)/8 + 1"; "?" for an invalid Dim.
std::string to_string(const Dim& dim);

}  // namespace graphrun
