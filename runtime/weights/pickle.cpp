#include "runtime/weights/pickle.h"

#include <cstring>
#include <string>
#include <utility>

#include "runtime/weights/pickle_globals.h"
#include "runtime/weights/pickle_stack.h"
#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

constexpr int kOldestProtocol = 2;
constexpr int kNewestProtocol = 5;

class Machine : PickleStack {
 public:
  explicit Machine(std::span<const std::byte> bytes)
      : PickleStack(bytes.size()), bytes_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}

  Result<Pickle> run() {
    while (!stopped_) {
      const std::size_t at = position_;
      GRAPHRUN_TRY(step().with_context("pickle, byte " + std::to_string(at)));
    }
    pickle_.size = position_;
    return std::move(pickle_);
  }

 private:
  Result<std::string_view> take(std::uint64_t count) {
    if (count > bytes_.size() - position_) return bad("the file is truncated");
    const std::string_view taken = bytes_.substr(position_, static_cast<std::size_t>(count));
    position_ += taken.size();
    return taken;
  }
  // A little-endian number of Width bytes.
  template <std::size_t Width>
  Result<std::uint64_t> number() {
    GRAPHRUN_ASSIGN(const std::string_view digits, take(Width));
    std::uint64_t value = 0;
    std::memcpy(&value, digits.data(), Width);
    return value;
  }
  template <std::size_t LengthWidth>
  Result<std::string_view> counted() {
    GRAPHRUN_ASSIGN(const std::uint64_t length, number<LengthWidth>());
    return take(length);
  }
  Result<std::string_view> line() {
    const std::size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) return bad("the file is truncated");
    const std::string_view text = bytes_.substr(position_, end - position_);
    position_ = end + 1;
    return text;
  }

  template <std::size_t LengthWidth>
  Status push_text() {
    GRAPHRUN_ASSIGN(const std::string_view text, counted<LengthWidth>());
    PickleObject object;
    object.kind = PickleKind::text;
    object.text = text;
    return push(std::move(object));
  }
  template <std::size_t LengthWidth>
  Status push_bytes() {
    GRAPHRUN_TRY(counted<LengthWidth>());
    return push(PickleKind::inert);
  }
  template <std::size_t Width>
  Status push_unsigned() {
    GRAPHRUN_ASSIGN(const std::uint64_t value, number<Width>());
    return push(PickleKind::integer, static_cast<std::int64_t>(value));
  }
  // Two's complement of any length.
  Status push_long(std::string_view digits) {
    if (digits.size() > sizeof(std::int64_t)) return push(PickleKind::inert);
    const bool negative = !digits.empty() && static_cast<signed char>(digits.back()) < 0;
    std::int64_t value = negative ? -1 : 0;
    std::memcpy(&value, digits.data(), digits.size());
    return push(PickleKind::integer, value);
  }

  Status push_tuple(std::size_t count) {
    GRAPHRUN_ASSIGN(std::vector<PickleId> ids, pop_many(count));
    return push_items(PickleKind::tuple, std::move(ids));
  }
  // Objects of classes that extend list and dict take entries too; those of lists are forgotten.
  Status extend(PickleKind kind, Result<std::vector<PickleId>> items) {
    GRAPHRUN_ASSIGN(const std::vector<PickleId> ids, std::move(items));
    const bool inert = top(PickleKind::inert).ok();
    GRAPHRUN_ASSIGN(const PickleId target, top(inert ? PickleKind::inert : kind));
    if (kind == PickleKind::dict && ids.size() % 2 != 0) return bad("a key without a value");
    if (inert && kind == PickleKind::list) return {};
    GRAPHRUN_TRY(charge_items(ids.size()));
    std::vector<PickleId>& into = pickle_.objects[target].items;
    into.insert(into.end(), ids.begin(), ids.end());
    return {};
  }
  Status forget_items() {
    GRAPHRUN_TRY(pop_mark());
    return status_of(top(PickleKind::inert));
  }
  Status push_frozen_set() {
    GRAPHRUN_TRY(pop_mark());
    return push(PickleKind::inert);
  }

  Status push_global(std::string_view module, std::string_view name) {
    PickleObject object;
    object.kind = PickleKind::global;
    GRAPHRUN_ASSIGN(object.global, pickle_global(module, name));
    object.text = name;
    object.module = module;
    return push(std::move(object));
  }
  // What a class or function would make.
  Status push_inert(std::string_view module, std::string_view name) {
    PickleObject object;
    object.kind = PickleKind::inert;
    object.text = name;
    object.module = module;
    return push(std::move(object));
  }
  Status stack_global() {
    GRAPHRUN_ASSIGN(const std::vector<PickleId> ids, pop_many(2));
    const PickleObject& module = pickle_[ids[0]];
    const PickleObject& name = pickle_[ids[1]];
    if (module.kind != PickleKind::text || name.kind != PickleKind::text)
      return bad("a global without a name");
    return push_global(module.text, name.text);
  }

  Status persistent() {
    GRAPHRUN_ASSIGN(const PickleId id, pop());
    const PickleObject& tuple = pickle_[id];
    const bool storage = tuple.kind == PickleKind::tuple && tuple.items.size() >= 5 &&
                         pickle_[tuple.items[0]].text == "storage" &&
                         pickle_[tuple.items[1]].kind == PickleKind::global &&
                         pickle_[tuple.items[1]].global == PickleGlobal::storage_class &&
                         pickle_[tuple.items[2]].kind == PickleKind::text &&
                         pickle_[tuple.items[4]].kind == PickleKind::integer;
    // The older form keeps a module's class with its source text.
    const bool source = tuple.kind == PickleKind::tuple && tuple.items.size() >= 2 &&
                        pickle_[tuple.items[0]].text == "module";
    if (source) {
      stack_.push_back(tuple.items[1]);
      return {};
    }
    if (!storage) return bad("a persistent id that is not a storage");
    return push_items(PickleKind::storage, tuple.items);
  }

  Status reduce() {
    GRAPHRUN_ASSIGN(const std::vector<PickleId> ids, pop_many(2));
    if (pickle_[ids[1]].kind != PickleKind::tuple) return bad("a call of what is no function");
    return call(ids[0], pickle_[ids[1]].items);
  }

  // What `arguments` view stays where it is when objects are added.
  Status call(PickleId called, std::span<const PickleId> arguments) {
    // _rebuild_from_type_v2(function, class, arguments, state): the tensor is the function's.
    constexpr int kMaxDepth = 4;
    for (int depth = 0; depth < kMaxDepth; ++depth) {
      const PickleObject& outer = pickle_[called];
      if (outer.kind != PickleKind::global || outer.global != PickleGlobal::rebuild_subclass) break;
      if (arguments.size() < 3 || pickle_[arguments[2]].kind != PickleKind::tuple) break;
      called = arguments[0];
      arguments = pickle_[arguments[2]].items;
    }
    const PickleObject& function = pickle_[called];
    // The method of an object, or a function that another one made: neither is a tensor's.
    if (function.kind == PickleKind::inert) return push_inert(function.module, function.text);
    if (function.kind != PickleKind::global) return bad("a call of what is no function");
    return construct(PickleObject(function), arguments);
  }

  Status construct(const PickleObject& function, std::span<const PickleId> arguments) {
    const auto is = [&](std::size_t index, PickleKind kind) {
      return index < arguments.size() && pickle_[arguments[index]].kind == kind;
    };
    switch (function.global) {
      case PickleGlobal::ordered_dict:
        return push_ordered_dict(arguments);
      case PickleGlobal::inert_class:
        return push_inert(function.module, function.text);
      case PickleGlobal::storage_class:
        break;
      case PickleGlobal::rebuild_subclass:
      case PickleGlobal::rebuild_other:
        return rebuild_other(function, arguments);
      case PickleGlobal::size:
        if (!is(0, PickleKind::tuple)) break;
        stack_.push_back(arguments[0]);
        return {};
      case PickleGlobal::rebuild_parameter:
        if (!is(0, PickleKind::tensor) && !is(0, PickleKind::other_tensor)) break;
        stack_.push_back(arguments[0]);
        return {};
      case PickleGlobal::rebuild_tensor:
        if (!is(0, PickleKind::storage) || !is(1, PickleKind::integer)) break;
        if (!is(2, PickleKind::tuple) || !is(3, PickleKind::tuple)) break;
        return push_items(PickleKind::tensor, {arguments.begin(), arguments.begin() + 4});
    }
    return bad("wrong arguments for " + quoted(function.text));
  }

  // _rebuild_tensor_v3 has the element type as an argument, where its storage has bytes alone.
  Status rebuild_other(const PickleObject& function, std::span<const PickleId> arguments) {
    constexpr std::size_t kType = 6;
    PickleObject object;
    object.kind = PickleKind::other_tensor;
    object.text = kind_of_rebuilt(function.text);
    if (function.text == "_rebuild_tensor_v3" && arguments.size() > kType &&
        pickle_[arguments[kType]].kind == PickleKind::global)
      object.text = pickle_[arguments[kType]].text;
    return push(std::move(object));
  }

  // Python 2 gives the entries as an argument, a list of [key, value]; Python 3 sets them afterwards.
  Status push_ordered_dict(std::span<const PickleId> arguments) {
    std::vector<PickleId> items;
    if (!arguments.empty()) {
      if (pickle_[arguments[0]].kind != PickleKind::list) return bad("wrong arguments for an OrderedDict");
      for (const PickleId id : pickle_[arguments[0]].items) {
        const PickleObject& pair = pickle_[id];
        if ((pair.kind != PickleKind::list && pair.kind != PickleKind::tuple) || pair.items.size() != 2) {
          return bad("wrong arguments for an OrderedDict");
        }
        items.insert(items.end(), pair.items.begin(), pair.items.end());
      }
    }
    return push_items(PickleKind::dict, std::move(items));
  }

  // `extra`: what lies on the stack above the class.
  Status new_object(std::size_t extra) {
    GRAPHRUN_ASSIGN(const std::vector<PickleId> ids, pop_many(1 + extra));
    const PickleObject& type = pickle_[ids[0]];
    if (type.kind != PickleKind::global && type.kind != PickleKind::inert)
      return bad("an object of what is no class");
    if (type.kind == PickleKind::inert || type.global == PickleGlobal::inert_class)
      return push_inert(type.module, type.text);
    if (type.global == PickleGlobal::ordered_dict) return push(PickleKind::dict);
    return bad("wrong arguments for " + quoted(type.text));
  }

  // Attributes beside the entries of a dict (a state_dict's _metadata) are dropped.
  Status build() {
    GRAPHRUN_ASSIGN(const PickleId state, pop());
    if (stack_.size() <= floor()) return bad("the stack is empty");
    PickleObject& object = pickle_.objects[stack_.back()];
    const PickleObject& attributes = pickle_[state];
    if (object.kind != PickleKind::inert || attributes.kind != PickleKind::dict || state == stack_.back())
      return can_have_attributes(object.kind) ? Status() : bad("an operand of a wrong kind");
    GRAPHRUN_TRY(charge_items(attributes.items.size()));
    object.items.insert(object.items.end(), attributes.items.begin(), attributes.items.end());
    return {};
  }
  static bool can_have_attributes(PickleKind kind) {
    return kind == PickleKind::dict || kind == PickleKind::inert || kind == PickleKind::tensor ||
           kind == PickleKind::other_tensor;
  }

  Status protocol() {
    GRAPHRUN_ASSIGN(const std::uint64_t version, number<1>());
    if (version >= kOldestProtocol && version <= kNewestProtocol) return {};
    return bad("pickle protocol " + std::to_string(version));
  }

  Status step() {
    GRAPHRUN_ASSIGN(const std::uint64_t opcode, number<1>());
    switch (opcode) {
      case 0x80:
        return protocol();
      case 0x95:
        return status_of(number<8>());  // FRAME: the size of the next part, of no use here
      case '.':
        return stop();
      case '(':
        return mark();
      case '0':
        return status_of(pop());
      case '1':
        return status_of(pop_mark());
      case '2':
        return duplicate();
      case 'N':
        return push(PickleKind::none);
      case 0x88:
        return push(PickleKind::boolean, 1);
      case 0x89:
        return push(PickleKind::boolean, 0);
      case 'J':
        return push_int();
      case 'K':
        return push_unsigned<1>();
      case 'M':
        return push_unsigned<2>();
      case 0x8a:
        return push_long<1>();
      case 0x8b:
        return push_long<4>();
      case 'G':
        GRAPHRUN_TRY(take(8));
        return push(PickleKind::inert);
      case 'U':
        return push_text<1>();
      case 'T':
        return push_text<4>();
      case 'X':
        return push_text<4>();
      case 0x8c:
        return push_text<1>();
      case 0x8d:
        return push_text<8>();
      case 'C':
        return push_bytes<1>();
      case 'B':
        return push_bytes<4>();
      case 0x8e:
        return push_bytes<8>();
      case 0x96:
        return push_bytes<8>();
      case ']':
        return push(PickleKind::list);
      case ')':
        return push(PickleKind::tuple);
      case '}':
        return push(PickleKind::dict);
      case 0x85:
        return push_tuple(1);
      case 0x86:
        return push_tuple(2);
      case 0x87:
        return push_tuple(3);
      case 't':
        return push_marked_tuple();
      case 'a':
        return extend(PickleKind::list, pop_many(1));
      case 'e':
        return extend(PickleKind::list, pop_mark());
      case 's':
        return extend(PickleKind::dict, pop_many(2));
      case 'u':
        return extend(PickleKind::dict, pop_mark());
      case 'q':
        return memo_put_at<1>();
      case 'r':
        return memo_put_at<4>();
      case 0x94:
        return memo_put(memorised(), position_);
      case 'h':
        return memo_get_at<1>();
      case 'j':
        return memo_get_at<4>();
      case 'c':
        return push_named_global();
      case 0x93:
        return stack_global();
      case 'Q':
        return persistent();
      case 'R':
        return reduce();
      case 0x81:
        return new_object(1);
      case 0x92:
        return new_object(2);
      case 0x8f:
        return push(PickleKind::inert);  // an empty set
      case 0x90:
        return forget_items();
      case 0x91:
        return push_frozen_set();
      case 'b':
        return build();
      default:
        return bad("operation " + std::to_string(opcode) + " has no place in a checkpoint");
    }
  }

  Status stop() {
    GRAPHRUN_ASSIGN(pickle_.root, pop());
    stopped_ = true;
    return {};
  }
  Status duplicate() {
    if (stack_.size() <= floor()) return bad("the stack is empty");
    stack_.push_back(stack_.back());
    return {};
  }
  Status push_int() {
    GRAPHRUN_ASSIGN(const std::uint64_t value, number<4>());
    return push(PickleKind::integer, static_cast<std::int32_t>(static_cast<std::uint32_t>(value)));
  }
  template <std::size_t LengthWidth>
  Status push_long() {
    GRAPHRUN_ASSIGN(const std::string_view digits, counted<LengthWidth>());
    return push_long(digits);
  }
  Status push_marked_tuple() {
    GRAPHRUN_ASSIGN(std::vector<PickleId> ids, pop_mark());
    return push_items(PickleKind::tuple, std::move(ids));
  }
  template <std::size_t Width>
  Status memo_put_at() {
    GRAPHRUN_ASSIGN(const std::uint64_t index, number<Width>());
    return memo_put(index, position_);
  }
  template <std::size_t Width>
  Status memo_get_at() {
    GRAPHRUN_ASSIGN(const std::uint64_t index, number<Width>());
    return memo_get(index);
  }
  Status push_named_global() {
    GRAPHRUN_ASSIGN(const std::string_view module, line());
    GRAPHRUN_ASSIGN(const std::string_view name, line());
    return push_global(module, name);
  }

  std::string_view bytes_;
  std::size_t position_ = 0;
  bool stopped_ = false;
};

}  // namespace

const PickleObject* Pickle::find(const PickleObject& dict, std::string_view key) const {
  for (std::size_t i = dict.items.size(); i >= 2; i -= 2) {
    const PickleObject& candidate = objects[dict.items[i - 2]];
    if (candidate.kind == PickleKind::text && candidate.text == key) return &objects[dict.items[i - 1]];
  }
  return nullptr;
}

Result<Pickle> read_pickle(std::span<const std::byte> bytes) { return Machine(bytes).run(); }

}  // namespace graphrun::weights
