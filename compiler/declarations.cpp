#include "compiler/declarations.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "runtime/core/checked.h"
#include "runtime/core/component_name.h"
#include "runtime/model/validate.h"

namespace graphrun::compiler {
namespace {

std::string number_text(double value) {
  return to_string(value == std::floor(value) && std::abs(value) < 1e15
                       ? Expr(core::saturating_integer(value))
                       : Expr(value));
}

class Reader {
 public:
  Reader(const Source& source, std::span<const Definition> definitions, Diagnostics& diagnostics)
      : graph_(source.graph()), definitions_(definitions), diagnostics_(diagnostics) {
    model_.name = source.name;
    if (!core::is_component_name(model_.name)) {
      diagnostics_.error(graph_.at, "the file's name is the model's: " + in_quotes(model_.name) +
                                        " must be letters, digits and . _ + -, beginning with a letter or "
                                        "digit");
    }
  }

  Declarations run() {
    const auto read_parameter = [this](const JsonMember& member) { parameter(member); };
    const auto read_input = [this](const JsonMember& member) { input(member); };
    if (const JsonValue* doc = graph_.find("doc"); doc != nullptr && text(*doc)) model_.doc = doc->text;
    if (const JsonValue* all = object("parameters")) {
      if (few(*all, model::kMaxParameters, "parameters")) std::ranges::for_each(all->members, read_parameter);
    }
    if (const JsonValue* all = object("inputs")) {
      if (few(*all, model::kMaxInputs, "inputs")) std::ranges::for_each(all->members, read_input);
    } else {
      diagnostics_.error(graph_.at, "the graph has no \"inputs\"");
    }
    requirements();
    preprocess();
    settings();
    for (const Derived& derived : derived_) derive(derived);
    protocol();
    if (const JsonValue* all = object("metadata")) {
      for (const JsonMember& member : all->members) model_.metadata[member.key] = to_json(member.value);
    }
    return {std::move(model_), std::move(input_roles_)};
  }

 private:
  const JsonValue* object(std::string_view key) {
    const JsonValue* json = graph_.find(key);
    return json != nullptr && expect(*json, JsonValue::Kind::object, "an object", diagnostics_) ? json
                                                                                                : nullptr;
  }
  // As many as a model may have; so what looks one up may walk over them.
  bool few(const JsonValue& json, std::size_t limit, const std::string& what) {
    const std::size_t count = std::max(json.items.size(), json.members.size());
    if (count <= limit) return true;
    diagnostics_.error(json.at, std::to_string(count) + " " + what + "; at most " + std::to_string(limit));
    return false;
  }
  bool text(const JsonValue& json) { return expect(json, JsonValue::Kind::text, "text", diagnostics_); }

  void parameter(const JsonMember& member) {
    const JsonValue& json = member.value;
    if (!is_identifier(member.key)) diagnostics_.error(member.at, in_quotes(member.key) + " is not a name");
    if (!expect(json, JsonValue::Kind::object, "an object with a default", diagnostics_)) return;
    check_keys(json, {"doc", "default", "from", "min", "max", "choices", "structural"}, "a parameter",
               diagnostics_);
    model::GraphParameter parameter;
    parameter.name = member.key;
    parameter.min = -std::numeric_limits<double>::infinity();
    parameter.max = std::numeric_limits<double>::infinity();
    const JsonValue* fallback = json.find("default");
    const JsonValue* from = json.find("from");
    if ((fallback == nullptr) == (from == nullptr)) {
      diagnostics_.error(member.at, "the parameter " + in_quotes(member.key) +
                                        (from == nullptr ? " has no default" : " has both default and from"));
    } else if (fallback != nullptr) {
      parameter.value = read_number(*fallback, diagnostics_).value_or(0);
      parameter.integer = !fallback->is(JsonValue::Kind::real);
      if (fallback->is(JsonValue::Kind::boolean)) parameter.min = 0, parameter.max = 1;
    }
    if (const JsonValue* doc = json.find("doc"); doc != nullptr && text(*doc)) parameter.doc = doc->text;
    if (const JsonValue* min = json.find("min")) parameter.min = read_number(*min, diagnostics_).value_or(0);
    if (const JsonValue* max = json.find("max")) parameter.max = read_number(*max, diagnostics_).value_or(0);
    if (const JsonValue* flag = json.find("structural"))
      parameter.structural =
          expect(*flag, JsonValue::Kind::boolean, "true or false", diagnostics_) && flag->integer;
    if (from != nullptr && parameter.structural)
      diagnostics_.error(from->at, "a structural parameter needs a default: settings are not known yet");
    const auto defined = std::ranges::find(definitions_, member.key, &Definition::name);
    if (defined != definitions_.end()) parameter.value = defined->value;
    if (from == nullptr) {
      check_value(parameter, json.find("choices"), fallback == nullptr ? member.at : fallback->at);
    } else {
      parameter.from = read_expr(*from, diagnostics_).value_or(Expr(1));
      derived_.push_back({model_.parameters.size(), &member, defined != definitions_.end()});
    }
    model_.parameters.push_back(std::move(parameter));
  }

  // A parameter whose value follows from others and from settings.
  struct Derived {
    std::size_t parameter;
    const JsonMember* member;
    bool defined;  // by -D
  };

  // A setting's value, else a parameter's.
  std::optional<Number> number(std::string_view name, const SymbolLookup& parameters) const {
    const JsonValue* train = graph_.find("train");
    const JsonValue* all = train == nullptr ? nullptr : train->find("settings");
    const JsonValue* setting = all == nullptr ? nullptr : all->find(name);
    if (setting == nullptr) return parameters(name);
    if (setting->is(JsonValue::Kind::real)) return Number(setting->real);
    const bool whole = setting->is(JsonValue::Kind::integer) || setting->is(JsonValue::Kind::boolean);
    return whole ? std::optional(Number(Dim(setting->integer))) : std::nullopt;
  }

  void derive(const Derived& derived) {
    model::GraphParameter& parameter = model_.parameters[derived.parameter];
    const JsonValue& json = derived.member->value;
    const Position at = json.find("from")->at;
    const SymbolLookup parameters = model_.parameter_values();
    for (const std::string& symbol : parameter.from.symbols) {
      if (number(symbol, parameters)) continue;
      return diagnostics_.error(
          at, in_quotes(symbol) + " is neither a parameter nor a number among the settings of \"train\"");
    }
    const Result<Number> value =
        evaluate(parameter.from, [&](std::string_view name) { return number(name, parameters); });
    if (!value.ok()) return diagnostics_.error(at, value.status().message());
    const Dim* whole = std::get_if<Dim>(&*value);
    parameter.integer = whole != nullptr;
    const double number =
        whole != nullptr ? static_cast<double>(whole->constant()) : std::get<double>(*value);
    parameter.chosen = derived.defined && parameter.value != number;
    if (!derived.defined) parameter.value = number;
    check_value(parameter, json.find("choices"), at);
  }

  // What is no integer of a file becomes 0, so that what follows has a number.
  void check_value(model::GraphParameter& parameter, const JsonValue* choices, Position at) {
    constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
    const double limit = parameter.integer ? kExactIntegers : std::numeric_limits<double>::max();
    if (!(std::abs(parameter.value) <= limit)) {
      diagnostics_.error(at, "the value of " + in_quotes(parameter.name) +
                                 (parameter.integer ? " must be an integer from -2^53 to 2^53"
                                                    : " must be a finite number"));
      parameter.value = 0;
      return;
    }
    const std::string what = "the value of " + in_quotes(parameter.name) + " ";
    const std::string is = ", is " + number_text(parameter.value);
    if (parameter.integer && parameter.value != std::floor(parameter.value))
      diagnostics_.error(at, what + "must be an integer" + is);
    if (parameter.value < parameter.min)
      diagnostics_.error(at, what + "must be at least " + number_text(parameter.min) + is);
    if (parameter.value > parameter.max)
      diagnostics_.error(at, what + "must be at most " + number_text(parameter.max) + is);
    if (choices == nullptr || !expect(*choices, JsonValue::Kind::list, "a list of numbers", diagnostics_))
      return;
    std::string list;
    for (const JsonValue& choice : choices->items) {
      const std::optional<double> number = read_number(choice, diagnostics_);
      if (number && *number == parameter.value) return;
      if (number) list += (list.empty() ? "" : ", ") + number_text(*number);
    }
    diagnostics_.error(at, what + "must be one of " + list + is);
  }

  void input(const JsonMember& member) {
    const JsonValue& json = member.value;
    if (!is_identifier(member.key)) diagnostics_.error(member.at, in_quotes(member.key) + " is not a name");
    if (!expect(json, JsonValue::Kind::object, "an object with shape and dtype", diagnostics_)) return;
    check_keys(json, {"doc", "shape", "dtype", "role"}, "an input", diagnostics_);
    if (const JsonValue* role = json.find("role"); role != nullptr && text(*role))
      input_roles_[member.key] = role->text;
    model::Input input;
    input.name = member.key;
    const JsonValue* shape = json.find("shape");
    if (shape == nullptr) {
      diagnostics_.error(member.at, "the input " + in_quotes(member.key) + " has no shape");
    } else if (expect(*shape, JsonValue::Kind::list, "a list of extents", diagnostics_)) {
      for (const JsonValue& extent : shape->items)
        input.shape.push_back(read_expr(extent, diagnostics_).value_or(1));
      constexpr std::size_t kMaxInputRank = 6;
      if (shape->items.size() > kMaxInputRank) diagnostics_.error(shape->at, "more than 6 extents");
    }
    if (const JsonValue* type = json.find("dtype"); type != nullptr && text(*type)) {
      std::vector<std::string_view> names;
      names.reserve(kDTypeCount);
      for (int i = 0; i < kDTypeCount; ++i) names.push_back(to_string(static_cast<DType>(i)));
      const auto found = std::ranges::find(names, type->text);
      if (found == names.end()) {
        diagnostics_.error(type->at,
                           "there is no dtype " + in_quotes(type->text) + suggestion(type->text, names));
      } else {
        input.dtype = static_cast<DType>(found - names.begin());
      }
    }
    model_.inputs.push_back(std::move(input));
  }

  void requirements() {
    const JsonValue* list = graph_.find("require");
    if (list == nullptr || !expect(*list, JsonValue::Kind::list, "a list of requirements", diagnostics_))
      return;
    if (!few(*list, model::kMaxParameters, "requirements")) return;
    std::vector<std::string_view> known;
    for (const model::Input& input : model_.inputs) {
      for (const Expr& extent : input.shape)
        known.insert(known.end(), extent.symbols.begin(), extent.symbols.end());
    }
    for (const model::GraphParameter& parameter : model_.parameters) known.push_back(parameter.name);
    const std::unordered_set<std::string_view> symbols(known.begin(), known.end());
    for (const JsonValue& json : list->items) {
      if (diagnostics_.full()) return;
      if (!expect(json, JsonValue::Kind::object, "an object with that and because", diagnostics_)) continue;
      check_keys(json, {"that", "because"}, "a requirement", diagnostics_);
      const JsonValue* that = json.find("that");
      const JsonValue* because = json.find("because");
      if (that == nullptr || because == nullptr) {
        diagnostics_.error(json.at, "a requirement needs \"that\" and \"because\"");
        continue;
      }
      std::optional<Expr> condition = read_expr(*that, diagnostics_);
      if (!condition || !text(*because)) continue;
      for (const std::string& symbol : condition->symbols) {
        if (!symbols.contains(symbol)) {
          diagnostics_.error(that->at, in_quotes(symbol) +
                                           " is neither an extent of an input nor a parameter" +
                                           diagnostics_.suggestion(that->at, symbol, [&] { return known; }));
        }
      }
      check_now(*condition, because->text, that->at);
      model_.requirements.push_back({*std::move(condition), because->text});
    }
  }

  // What structural parameters alone decide does not wait for an image.
  void check_now(const Expr& condition, const std::string& because, Position at) {
    const bool known = std::ranges::all_of(condition.symbols, [&](const std::string& symbol) {
      const auto found = std::ranges::find(model_.parameters, symbol, &model::GraphParameter::name);
      return found != model_.parameters.end() && found->structural;
    });
    if (!known) return;
    const Result<double> holds = evaluate_real(condition, model_.parameter_values());
    if (!holds.ok()) {
      diagnostics_.error(at, holds.status().message());
    } else if (*holds == 0) {
      diagnostics_.error(at, "the graph requires " + to_string(condition) + ": " + because);
    }
  }

  void channel_values(const JsonValue& parent, std::string_view key, std::vector<double>& values) {
    const JsonValue* list = parent.find(key);
    if (list == nullptr || !expect(*list, JsonValue::Kind::list, "a list of numbers", diagnostics_)) return;
    const std::size_t channels = values.size();
    values.clear();
    for (const JsonValue& item : list->items) values.push_back(read_number(item, diagnostics_).value_or(1));
    if (values.size() != channels) {
      diagnostics_.error(
          list->at, "expected one number for each of " + std::to_string(channels) + " channels of the image");
    }
  }

  // Channels of the image by the shape of its input; 3 where there is no such input.
  std::size_t image_channels() const {
    constexpr std::size_t kRgb = 3;
    for (const model::Input& input : model_.inputs) {
      const auto given = input_roles_.find(input.name);
      const std::string_view role = given == input_roles_.end() ? input.name : given->second;
      if (role != model::roles::kImage || input.shape.size() != 4) continue;
      const Result<Dim> channels = evaluate_dim(input.shape[1], model_.parameter_values());
      const bool known = channels.ok() && channels->is_constant() && channels->constant() >= 1 &&
                         channels->constant() <= model::kMaxImageChannels;
      return known ? static_cast<std::size_t>(channels->constant()) : kRgb;
    }
    return kRgb;
  }

  // The graph's numbers are for as many channels as its parameter has by default: with others the pixels are
  // taken as they are stored, until a data set says more.
  bool is_for_other_channels(const JsonValue& json, std::size_t channels) const {
    const auto chosen = std::ranges::find(model_.parameters, "channels", &model::GraphParameter::name);
    const JsonValue* const mean = json.find("mean");
    return chosen != model_.parameters.end() && mean != nullptr && mean->kind == JsonValue::Kind::list &&
           mean->items.size() != channels;
  }

  void preprocess() {
    const std::size_t channels = image_channels();
    model_.preprocess.mean.assign(channels, 0);
    model_.preprocess.std.assign(channels, 1);
    const JsonValue* json = object("preprocess");
    if (json == nullptr || is_for_other_channels(*json, channels)) return;
    check_keys(*json, {"doc", "value_scale", "mean", "std", "stored"}, "preprocess", diagnostics_);
    model_.preprocess.value_scale = 255;
    if (const JsonValue* scale = json->find("value_scale"))
      model_.preprocess.value_scale = read_number(*scale, diagnostics_).value_or(1);
    channel_values(*json, "mean", model_.preprocess.mean);
    channel_values(*json, "std", model_.preprocess.std);
    if (std::ranges::any_of(model_.preprocess.std, [](double value) { return !(value > 0); }))
      diagnostics_.error(json->at, "\"std\" must be positive");
    const JsonValue* stored = json->find("stored");
    if (stored == nullptr || !text(*stored)) return;
    constexpr std::array<std::string_view, model::kPixelTypeCount> kNames{"u8", "u16", "f32"};
    const auto* const found = std::ranges::find(kNames, stored->text);
    if (found == kNames.end()) {
      diagnostics_.error(stored->at, "pixels are stored as u8, u16 or f32");
    } else {
      model_.preprocess.stored = static_cast<model::PixelType>(found - kNames.begin());
    }
  }

  std::int64_t pixels(const JsonValue& json, std::string_view key) {
    const JsonValue* value = json.find(key);
    if (value == nullptr || !expect(*value, JsonValue::Kind::integer, "a number of pixels", diagnostics_))
      return 0;
    return value->integer;
  }

  void protocol() {
    const JsonValue* json = object("protocol");
    if (json == nullptr) return;
    check_keys(*json, {"doc", "name", "crop_h", "crop_w", "base_size", "scales", "flip"}, "protocol",
               diagnostics_);
    model::LabellingProtocol& protocol = model_.protocol.emplace();
    if (const JsonValue* name = json->find("name"); name != nullptr && text(*name))
      protocol.name = name->text;
    if (protocol.name != model::kSlideProtocol && protocol.name != model::kWholeProtocol)
      diagnostics_.error(json->at, "the protocol's name is \"slide\" or \"whole\"");
    protocol.crop_h = pixels(*json, "crop_h");
    protocol.crop_w = pixels(*json, "crop_w");
    protocol.base_size = pixels(*json, "base_size");
    if (const JsonValue* flip = json->find("flip"))
      protocol.flip = expect(*flip, JsonValue::Kind::boolean, "true or false", diagnostics_) && flip->integer;
    const JsonValue* scales = json->find("scales");
    if (scales == nullptr || !expect(*scales, JsonValue::Kind::list, "a list of numbers", diagnostics_))
      return;
    protocol.scales.clear();
    for (const JsonValue& scale : scales->items)
      protocol.scales.push_back(read_number(scale, diagnostics_).value_or(1));
  }

  void settings() {
    const JsonValue* train = object("train");
    const JsonValue* all = train == nullptr ? nullptr : train->find("settings");
    if (all == nullptr || !expect(*all, JsonValue::Kind::object, "an object of settings", diagnostics_))
      return;
    for (const JsonMember& member : all->members) {
      if (member.value.is_object()) {
        diagnostics_.error(member.value.at, "a setting is a number, a boolean, text or a list of these");
      } else {
        model_.settings[member.key] = to_json(member.value);
      }
    }
  }

  const JsonValue& graph_;
  std::span<const Definition> definitions_;
  Diagnostics& diagnostics_;
  model::Model model_;
  std::map<std::string, std::string> input_roles_;
  std::vector<Derived> derived_;
};

// How many parameters there are of the names family_0, family_1, ...
int family_size(const std::vector<std::string_view>& names, const std::string& family) {
  int size = 0;
  while (std::ranges::find(names, family + "_" + std::to_string(size)) != names.end()) ++size;
  return size;
}

}  // namespace

Declarations read_declarations(const Source& source, std::span<const Definition> definitions,
                               Diagnostics& diagnostics) {
  return Reader(source, definitions, diagnostics).run();
}

bool check_definitions(const Source& source, const model::Model& model,
                       std::span<const Definition> definitions, Diagnostics& diagnostics) {
  std::vector<std::string_view> names;
  for (const model::GraphParameter& parameter : model.parameters) names.push_back(parameter.name);
  bool good = true;
  const auto error = [&](const std::string& name, const std::string& message) {
    diagnostics.error(source.graph().at, "-D " + name + ": " + message);
    good = false;
  };
  for (const Definition& definition : definitions) {
    const bool listed = definition.list_size > 0;
    if (listed && !definition.name.ends_with("_0")) continue;  // the first speaks for its list
    const std::string family =
        listed ? definition.name.substr(0, definition.name.size() - 2) : definition.name;
    const int size = family_size(names, family);
    const bool found = std::ranges::find(names, definition.name) != names.end();
    if (found && definition.list_size == (listed ? size : 0)) continue;
    if (size == 0 && std::ranges::find(names, family) != names.end()) {
      error(family, "expected one value, got " + std::to_string(definition.list_size));
    } else if (size == 0) {
      error(family, "the graph has no such parameter" + suggestion(family, names));
    } else {
      error(family, "expected a list of " + std::to_string(size) + " values, got " +
                        std::to_string(std::max(1, definition.list_size)));
    }
  }
  return good;
}

}  // namespace graphrun::compiler
