#include "compiler/json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <utility>

#include "runtime/core/file.h"

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
  Handler(const std::string& text, const Stream& stream, const Lines& lines, Diagnostics& diagnostics)
      : text_(text), stream_(stream), lines_(lines), diagnostics_(diagnostics) {}

  bool Null() { return value(make(JsonValue::Kind::null)); }
  bool Bool(bool flag) {
    JsonValue json = make(JsonValue::Kind::boolean);
    json.integer = flag ? 1 : 0;
    return value(std::move(json));
  }
  bool Int(int number) { return Int64(number); }
  bool Uint(unsigned number) { return Int64(number); }
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
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return false; }  // needs a flag that is not set
  bool String(const char* data, rapidjson::SizeType size, bool) {
    JsonValue json = make(JsonValue::Kind::text);
    json.text.assign(data, size);
    return value(std::move(json));
  }
  bool Key(const char* data, rapidjson::SizeType size, bool) {
    open_.back().members.push_back({std::string(data, size), token(), {}});
    return true;
  }
  bool StartObject() { return open(JsonValue::Kind::object); }
  bool StartArray() { return open(JsonValue::Kind::list); }
  bool EndObject(rapidjson::SizeType) {
    check_keys(open_.back());
    return close();
  }
  bool EndArray(rapidjson::SizeType) { return close(); }

  JsonValue take() { return std::move(root_); }
  bool stopped() const { return stopped_; }

 private:
  // The start of the key or plain value that the reader has just consumed. Brackets are reported before they
  // are consumed.
  Position token() {
    std::size_t start = std::exchange(last_end_, stream_.Tell());
    while (start < text_.size() && std::string_view(" \t\r\n,:").find(text_[start]) != std::string::npos)
      ++start;
    return lines_.position(start);
  }
  JsonValue make(JsonValue::Kind kind) {
    JsonValue json;
    json.kind = kind;
    json.at = token();
    return json;
  }
  bool value(JsonValue json) {
    if (open_.empty()) {
      root_ = std::move(json);
    } else if (open_.back().is_object()) {
      open_.back().members.back().value = std::move(json);
    } else {
      open_.back().items.push_back(std::move(json));
    }
    return true;
  }
  bool open(JsonValue::Kind kind) {
    JsonValue json;
    json.kind = kind;
    json.at = lines_.position(stream_.Tell());
    open_.push_back(std::move(json));
    last_end_ = stream_.Tell() + 1;
    if (open_.size() <= kMaxJsonDepth) return true;
    diagnostics_.error(open_.back().at, "nested more than " + std::to_string(kMaxJsonDepth) + " deep");
    stopped_ = true;
    return false;
  }
  bool close() {
    last_end_ = stream_.Tell() + 1;
    JsonValue done = std::move(open_.back());
    open_.pop_back();
    return value(std::move(done));
  }
  void check_keys(const JsonValue& object) {
    std::vector<const JsonMember*> sorted;
    for (const JsonMember& member : object.members) sorted.push_back(&member);
    std::ranges::stable_sort(sorted, {},
                             [](const JsonMember* member) -> const std::string& { return member->key; });
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i]->key == sorted[i - 1]->key)
        diagnostics_.error(sorted[i]->at,
                           "the key " + in_quotes(sorted[i]->key) + " stands twice in one object");
    }
  }

  const std::string& text_;
  const Stream& stream_;
  const Lines& lines_;
  Diagnostics& diagnostics_;
  std::size_t last_end_ = 0;
  std::vector<JsonValue> open_;
  JsonValue root_;
  bool stopped_ = false;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &JsonMember::key);
  return found == members.end() ? nullptr : &found->value;
}

std::optional<JsonValue> read_json(const std::filesystem::path& path, const std::string& name,
                                   Diagnostics& diagnostics) {
  const std::int32_t file = diagnostics.add_file(name);
  const Result<std::string> text = core::read_file(path, kMaxJsonBytes);
  if (!text.ok()) {
    diagnostics.error({file, 1, 1}, text.status().message());
    return std::nullopt;
  }
  const Lines lines(file, *text);
  Stream stream(*text);
  Handler handler(*text, stream, lines, diagnostics);
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseFullPrecisionFlag;
  rapidjson::Reader reader;
  const rapidjson::ParseResult parsed = reader.Parse<kFlags>(stream, handler);
  if (parsed.IsError()) {
    if (!handler.stopped())
      diagnostics.error(lines.position(std::min(parsed.Offset(), text->size())),
                        std::string("not JSON: ") + rapidjson::GetParseError_En(parsed.Code()));
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
