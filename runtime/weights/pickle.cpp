#include "runtime/weights/pickle.h"

#include <cstring>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

constexpr std::size_t kMaxObjects = std::size_t{1} << 21;
constexpr std::size_t kMaxItems = std::size_t{1} << 23;  // in all containers: two objects may share one list
constexpr int kOldestProtocol = 2;
constexpr int kNewestProtocol = 5;

std::optional<PickleGlobal> known_global(std::string_view module, std::string_view name) {
  if (module == "torch" && name == "Size") return PickleGlobal::size;
  if (module == "torch" && name.ends_with("Storage")) return PickleGlobal::storage_class;
  if (module == "torch._utils") {
    if (name == "_rebuild_tensor_v2" || name == "_rebuild_tensor") return PickleGlobal::rebuild_tensor;
    if (name == "_rebuild_parameter") return PickleGlobal::rebuild_parameter;
  }
  if (module == "collections" && name == "OrderedDict") return PickleGlobal::ordered_dict;
  if (module == "argparse" && name == "Namespace") return PickleGlobal::inert_class;
  if (module == "_codecs" && name == "encode")
    return PickleGlobal::inert_class;  // how protocol 2 stores bytes
  return std::nullopt;
}

class Machine {
 public:
  explicit Machine(std::span<const std::byte> bytes)
      : bytes_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}

  Result<Pickle> run() {
    while (!stopped_) {
      const std::size_t at = position_;
      GRAPHRUN_TRY(step().with_context("pickle, byte " + std::to_string(at)));
    }
    pickle_.size = position_;
    return std::move(pickle_);
  }

 private:
  static Status bad(std::string why) { return {ErrorCode::invalid_file, std::move(why)}; }

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

  Status push(PickleObject object) {
    if (pickle_.objects.size() >= kMaxObjects) return bad("too many objects");
    stack_.push_back(static_cast<PickleId>(pickle_.objects.size()));
    pickle_.objects.push_back(std::move(object));
    return {};
  }
  Status push(PickleKind kind, std::int64_t integer = 0) {
    PickleObject object;
    object.kind = kind;
    object.integer = integer;
    return push(std::move(object));
  }
  Status push_items(PickleKind kind, std::vector<PickleId> items) {
    item_count_ += items.size();
    if (item_count_ > kMaxItems) return bad("too many objects");
    PickleObject object;
    object.kind = kind;
    object.items = std::move(items);
    return push(std::move(object));
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

  // What lies above the last mark; pops never reach below it.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Result<PickleId> pop() {
    if (stack_.size() <= floor()) return bad("the stack is empty");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  Result<std::vector<PickleId>> pop_many(std::size_t count) {
    if (stack_.size() - floor() < count) return bad("the stack is empty");
    std::vector<PickleId> ids(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return ids;
  }
  Result<std::vector<PickleId>> pop_mark() {
    if (marks_.empty()) return bad("no mark on the stack");
    GRAPHRUN_ASSIGN(std::vector<PickleId> ids, pop_many(stack_.size() - floor()));
    marks_.pop_back();
    return ids;
  }
  Result<PickleId> top(PickleKind kind) const {
    if (stack_.size() <= floor() || pickle_[stack_.back()].kind != kind)
      return bad("an operand of a wrong kind");
    return stack_.back();
  }

  Status push_tuple(std::size_t count) {
    GRAPHRUN_ASSIGN(std::vector<PickleId> ids, pop_many(count));
    return push_items(PickleKind::tuple, std::move(ids));
  }
  Status extend(PickleKind kind, Result<std::vector<PickleId>> items) {
    GRAPHRUN_ASSIGN(const std::vector<PickleId> ids, std::move(items));
    GRAPHRUN_ASSIGN(const PickleId target, top(kind));
    if (kind == PickleKind::dict && ids.size() % 2 != 0) return bad("a key without a value");
    std::vector<PickleId>& into = pickle_.objects[target].items;
    into.insert(into.end(), ids.begin(), ids.end());
    return {};
  }

  Status memo_put(std::uint64_t index) {
    if (stack_.size() <= floor()) return bad("the stack is empty");
    memo_[index] = stack_.back();
    return {};
  }
  Status memo_get(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) return bad("nothing was memorised as " + std::to_string(index));
    stack_.push_back(found->second);
    return {};
  }

  Status push_global(std::string_view module, std::string_view name) {
    const std::optional<PickleGlobal> global = known_global(module, name);
    if (!global) {
      const std::string full = std::string(module) + "." + std::string(name);
      return {ErrorCode::unsupported,
              "the file wants to construct " + quoted(full) + "; only tensors and plain containers are read"};
    }
    PickleObject object;
    object.kind = PickleKind::global;
    object.global = *global;
    object.text = name;
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
    if (!storage) return bad("a persistent id that is not a storage");
    return push_items(PickleKind::storage, tuple.items);
  }

  Status reduce() {
    GRAPHRUN_ASSIGN(const std::vector<PickleId> ids, pop_many(2));
    const PickleObject& function = pickle_[ids[0]];
    if (function.kind != PickleKind::global || pickle_[ids[1]].kind != PickleKind::tuple) {
      return bad("a call of what is no function");
    }
    const std::vector<PickleId>& arguments = pickle_[ids[1]].items;
    const auto is = [&](std::size_t index, PickleKind kind) {
      return index < arguments.size() && pickle_[arguments[index]].kind == kind;
    };
    switch (function.global) {
      case PickleGlobal::ordered_dict:
        return push_ordered_dict(arguments);
      case PickleGlobal::inert_class:
        return push(PickleKind::inert);
      case PickleGlobal::storage_class:
        break;
      case PickleGlobal::size:
        if (!is(0, PickleKind::tuple)) break;
        stack_.push_back(arguments[0]);
        return {};
      case PickleGlobal::rebuild_parameter:
        if (!is(0, PickleKind::tensor)) break;
        stack_.push_back(arguments[0]);
        return {};
      case PickleGlobal::rebuild_tensor:
        if (!is(0, PickleKind::storage) || !is(1, PickleKind::integer)) break;
        if (!is(2, PickleKind::tuple) || !is(3, PickleKind::tuple)) break;
        return push_items(PickleKind::tensor, {arguments.begin(), arguments.begin() + 4});
    }
    return bad("wrong arguments for " + quoted(function.text));
  }

  // Python 2 gives the entries as an argument, a list of [key, value]; Python 3 sets them afterwards.
  Status push_ordered_dict(const std::vector<PickleId>& arguments) {
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

  Status new_object() {
    GRAPHRUN_ASSIGN(const std::vector<PickleId> ids, pop_many(2));
    const PickleObject& type = pickle_[ids[0]];
    if (type.kind != PickleKind::global) return bad("an object of what is no class");
    if (type.global == PickleGlobal::ordered_dict) return push(PickleKind::dict);
    if (type.global == PickleGlobal::inert_class) return push(PickleKind::inert);
    return bad("wrong arguments for " + quoted(type.text));
  }

  // Attributes beside the entries (a state_dict's _metadata) and the fields of inert objects are dropped.
  Status build() {
    GRAPHRUN_TRY(pop());
    return top(PickleKind::dict).ok() ? Status() : status_of(top(PickleKind::inert));
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
        marks_.push_back(stack_.size());
        return {};
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
        return memo_put(memo_.size());
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
        return new_object();
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
    return memo_put(index);
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
  Pickle pickle_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleId> memo_;
  std::size_t item_count_ = 0;
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
