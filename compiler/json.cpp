#include "compiler/json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/core/file.h"
#include "runtime/core/json_mistake.h"
#include "runtime/core/json_reader.h"

namespace graphrun::compiler {
namespace {

// RapidJSON's stream concept over a text. It is never copied by the reader, so that a handler may ask for the
// position.
class Stream {
 public:
  using Ch = char;
  explicit Stream(const std::string& text) : text_(text) {}
  Ch Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  Ch Take() { return at_ < text_.size() ? text_[at_++] : '\0'; }
  std::size_t Tell() const { return at_; }
  // Part of the concept, called only when parsing in place.
  Ch* PutBegin() { return nullptr; }
  void Put(Ch) {}
  void Flush() {}
  std::size_t PutEnd(Ch*) { return 0; }

 private:
  const std::string& text_;
  std::size_t at_ = 0;
};

class Lines {
 public:
  Lines(std::int32_t file, const std::string& text) : file_(file) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }
  Position position(std::size_t offset) const {
    const auto after = std::ranges::upper_bound(starts_, offset);
    return {file_, static_cast<std::uint32_t>(after - starts_.begin()),
            static_cast<std::uint32_t>(offset - *(after - 1) + 1)};
  }

 private:
  std::int32_t file_;
  std::vector<std::size_t> starts_{0};
};

// Builds the tree from the reader's events on a stack of its own.
class Handler {
 public:
  Handler(const std::string& text, const Stream& stream, const Lines& lines, JsonBudget& budget,
          Diagnostics& diagnostics)
      : text_(text), stream_(stream), lines_(lines), budget_(budget), diagnostics_(diagnostics) {}

  bool Null() { return value(make(JsonValue::Kind::null)); }
  bool Bool(bool flag) {
    JsonValue json = make(JsonValue::Kind::boolean);
    json.integer = flag ? 1 : 0;
    return value(std::move(json));
  }
  bool Int64(std::int64_t number) {
    JsonValue json = make(JsonValue::Kind::integer);
    json.integer = number;
    return value(std::move(json));
  }
  bool Uint64(std::uint64_t number) {
    return number <= INT64_MAX ? Int64(static_cast<std::int64_t>(number))
                               : Double(static_cast<double>(number));
  }
  bool Double(double number) {
    JsonValue json = make(JsonValue::Kind::real);
    json.real = number;
    return value(std::move(json));
  }
  bool String(const char* data, rapidjson::SizeType size, bool) {
    JsonValue json = make(JsonValue::Kind::text);
    json.text.assign(data, size);
    return value(std::move(json));
  }
  bool Key(const char* data, rapidjson::SizeType size, bool) {
    open_.back().value.members.push_back({std::string(data, size), lines_.position(token()), {}});
    return true;
  }
  bool StartObject() { return open(JsonValue::Kind::object); }
  bool StartArray() { return open(JsonValue::Kind::list); }
  bool EndObject(rapidjson::SizeType) {
    check_keys(open_.back().value);
    return close();
  }
  bool EndArray(rapidjson::SizeType) { return close(); }

  JsonValue take() { return std::move(root_); }
  bool stopped() const { return stopped_; }

 private:
  // The start of the key or plain value that the reader has just consumed. Brackets are reported before they
  // are consumed.
  std::size_t token() {
    std::size_t start = std::exchange(last_end_, stream_.Tell());
    while (start < text_.size() && std::string_view(" \t\r\n,:").find(text_[start]) != std::string::npos)
      ++start;
    return start;
  }
  JsonValue make(JsonValue::Kind kind) {
    const std::size_t start = token();
    JsonValue json;
    json.kind = kind;
    json.at = lines_.position(start);
    json.bytes = static_cast<std::uint32_t>(last_end_ - start);
    return json;
  }
  bool value(JsonValue json) {
    if (--budget_.values < 0) return stop(json.at, "too many values in the files of one graph");
    if (open_.empty()) {
      root_ = std::move(json);
    } else if (open_.back().value.is_object()) {
      open_.back().value.members.back().value = std::move(json);
    } else {
      open_.back().value.items.push_back(std::move(json));
    }
    return true;
  }
  bool open(JsonValue::Kind kind) {
    JsonValue json;
    json.kind = kind;
    json.at = lines_.position(stream_.Tell());
    open_.push_back({std::move(json), stream_.Tell()});
    last_end_ = stream_.Tell() + 1;
    if (open_.size() <= kMaxJsonDepth) return true;
    return stop(open_.back().value.at, "nested more than " + std::to_string(kMaxJsonDepth) + " deep");
  }
  bool close() {
    last_end_ = stream_.Tell() + 1;
    JsonValue done = std::move(open_.back().value);
    done.bytes = static_cast<std::uint32_t>(last_end_ - open_.back().start);
    open_.pop_back();
    return value(std::move(done));
  }
  bool stop(Position at, const std::string& message) {
    diagnostics_.error(at, message);
    stopped_ = true;
    return false;
  }
  void check_keys(JsonValue& object) {
    const std::vector<JsonMember>& members = object.members;
    const auto key = [&members](std::uint32_t i) -> const std::string& { return members[i].key; };
    std::vector<std::uint32_t> sorted(members.size());
    std::iota(sorted.begin(), sorted.end(), 0U);
    std::ranges::stable_sort(sorted, {}, key);
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      if (key(sorted[i]) == key(sorted[i - 1]))
        diagnostics_.error(members[sorted[i]].at,
                           "the key " + in_quotes(key(sorted[i])) + " stands twice in one object");
    }
    constexpr std::size_t kFew = 16;
    if (sorted.size() > kFew) object.sorted = std::move(sorted);
  }

  const std::string& text_;
  const Stream& stream_;
  const Lines& lines_;
  JsonBudget& budget_;
  Diagnostics& diagnostics_;
  std::size_t last_end_ = 0;
  struct Open {
    JsonValue value;
    std::size_t start;  // in the text
  };
  std::vector<Open> open_;
  JsonValue root_;
  bool stopped_ = false;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view key) const {
  if (sorted.empty()) {
    const auto found = std::ranges::find(members, key, &JsonMember::key);
    return found == members.end() ? nullptr : &found->value;
  }
  const auto key_of = [this](std::uint32_t i) -> std::string_view { return members[i].key; };
  const auto found = std::ranges::lower_bound(sorted, key, {}, key_of);
  return found == sorted.end() || key_of(*found) != key ? nullptr : &members[*found].value;
}

std::optional<JsonValue> read_json(const std::filesystem::path& path, const std::string& name,
                                   JsonBudget& budget, Diagnostics& diagnostics) {
  const std::int32_t file = diagnostics.add_file(name);
  const Result<std::string> text = core::read_file(path, budget.bytes);
  if (!text.ok()) {
    diagnostics.error({file, 1, 1}, text.status().message());
    return std::nullopt;
  }
  budget.bytes -= static_cast<std::int64_t>(text->size());
  const Lines lines(file, *text);
  Stream stream(*text);
  Handler handler(*text, stream, lines, budget, diagnostics);
  const rapidjson::ParseResult parsed = core::read_json_events<core::JsonText::utf8>(stream, handler);
  if (parsed.IsError()) {
    if (!handler.stopped())
      diagnostics.error(lines.position(std::min(parsed.Offset(), text->size())),
                        "not JSON: " + core::json_mistake(*text, std::min(parsed.Offset(), text->size()),
                                                          rapidjson::GetParseError_En(parsed.Code())));
    return std::nullopt;
  }
  return handler.take();
}

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// Recursion is bounded: no value is deeper than kMaxJsonDepth.
void write(const JsonValue& value, Writer& writer) {
  switch (value.kind) {
    case JsonValue::Kind::null:
      writer.Null();
      break;
    case JsonValue::Kind::boolean:
      writer.Bool(value.integer != 0);
      break;
    case JsonValue::Kind::integer:
      writer.Int64(value.integer);
      break;
    case JsonValue::Kind::real:
      writer.Double(value.real);
      break;
    case JsonValue::Kind::text:
      writer.String(value.text.data(), static_cast<rapidjson::SizeType>(value.text.size()));
      break;
    case JsonValue::Kind::list:
      writer.StartArray();
      for (const JsonValue& item : value.items) write(item, writer);
      writer.EndArray();
      break;
    case JsonValue::Kind::object:
      writer.StartObject();
      for (const JsonMember& member : value.members) {
        writer.Key(member.key.data(), static_cast<rapidjson::SizeType>(member.key.size()));
        write(member.value, writer);
      }
      writer.EndObject();
      break;
  }
}

}  // namespace

std::string to_json(const JsonValue& value) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  write(value, writer);
  return buffer.GetString();
}

}  // namespace graphrun::compiler
