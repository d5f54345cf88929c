#include "exchange/from_onnx/graph_text.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "exchange/from_onnx/names.h"

namespace graphrun::exchange::from_onnx {
namespace {

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

void text(Json& out, std::string_view value) {
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void expression(Json& out, const Expr& expr) {
  if (expr.tokens.size() == 1 && expr.tokens[0].op == ExprOp::integer)
    out.Int64(expr.tokens[0].integer);
  else if (expr.tokens.size() == 1 && expr.tokens[0].op == ExprOp::real)
    out.Double(expr.tokens[0].real);
  else
    text(out, to_string(expr));
}

void attribute(Json& out, const AttrValue& value) {
  if (const auto* expr = std::get_if<Expr>(&value)) {
    expression(out, *expr);
  } else if (const auto* word = std::get_if<std::string>(&value)) {
    text(out, *word);
  } else {
    out.StartArray();
    for (const Expr& element : std::get<std::vector<Expr>>(value)) expression(out, element);
    out.EndArray();
  }
}

class Writer {
 public:
  Writer(const StepGraph& graph, const GraphText& ports)
      : graph_(graph), ports_(ports), uses_(graph.uses()), names_(graph.value_count()) {}

  std::string run() {
    name_values();
    std::string file = "{\n";
    if (!ports_.doc.empty()) file += "  \"doc\": " + json([&](Json& out) { text(out, ports_.doc); }) + ",\n";
    file += "  \"inputs\": " + json([&](Json& out) { inputs(out); }) + ",\n";
    if (!ports_.preprocess.empty()) file += "  \"preprocess\": " + ports_.preprocess + ",\n";
    file += "  \"graph\": [\n";
    for (std::size_t i = 0; i < graph_.steps().size(); ++i) {
      file += "    " + json([&](Json& out) { statement(out, i); });
      file += i + 1 < graph_.steps().size() ? ",\n" : "\n";
    }
    return file + "  ],\n  \"outputs\": " + json([&](Json& out) { outputs(out); }) + "\n}\n";
  }

 private:
  template <class Write>
  static std::string json(const Write& write) {
    rapidjson::StringBuffer buffer;
    Json out(buffer);
    write(out);
    return {buffer.GetString(), buffer.GetSize()};
  }
  std::string& name_of(StepValue value) { return names_[static_cast<std::size_t>(value)]; }

  // A value of the statement before needs no name where it is the first input.
  bool is_before(StepValue value, std::size_t index) const {
    return index > 0 && graph_.steps()[index - 1].output == value;
  }

  void name_values() {
    Names names;
    for (const NamedPort& input : ports_.inputs) name_of(input.value) = names.unique(input.name);
    for (std::size_t i = 0; i < graph_.steps().size(); ++i) {
      const Step& step = graph_.steps()[i];
      const bool read_once = uses_[static_cast<std::size_t>(step.output)] == 1;
      if (!read_once || !is_read_unnamed(step.output, i + 1))
        name_of(step.output) = names.unique(identifier_of(step.path));
    }
  }

  // The statement takes the result before it where it names no first input; a list has names alone.
  bool is_read_unnamed(StepValue value, std::size_t reader) const {
    if (reader >= graph_.steps().size()) return false;
    const Step& step = graph_.steps()[reader];
    return step.inputs[0] == value && !is_list(graph_.definition(step));
  }
  static bool is_list(const OpDef& def) { return def.inputs.size() == 1 && def.inputs[0].variadic; }

  void inputs(Json& out) {
    out.StartObject();
    for (const NamedPort& input : ports_.inputs) {
      text_key(out, input.name);
      out.StartObject();
      out.Key("shape");
      out.StartArray();
      for (const Dim& extent : graph_.type(input.value).shape) expression(out, to_expr(extent));
      out.EndArray();
      if (!input.role.empty()) {
        out.Key("role");
        text(out, input.role);
      }
      out.EndObject();
    }
    out.EndObject();
  }

  void outputs(Json& out) {
    out.StartObject();
    for (const NamedPort& output : ports_.outputs) {
      text_key(out, output.name);
      if (output.role.empty()) {
        text(out, name_of(output.value));
        continue;
      }
      out.StartObject();
      out.Key("value");
      text(out, name_of(output.value));
      out.Key("role");
      text(out, output.role);
      out.EndObject();
    }
    out.EndObject();
  }

  static void text_key(Json& out, std::string_view key) {
    out.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  }

  void statement(Json& out, std::size_t index) {
    const Step& step = graph_.steps()[index];
    out.StartObject();
    out.Key("op");
    text(out, step.op);
    if (!step.variables.empty()) {
      out.Key("as");
      text(out, step.path);
    }
    operands(out, step, index);
    for (const auto& [name, value] : step.attrs) {
      const AttrSpec* const spec = spec_of(step, name);
      if (spec != nullptr && spec->fallback == value) continue;
      text_key(out, name);
      if (spec != nullptr && spec->kind == AttrKind::boolean)
        out.Bool(value != AttrValue(Expr(0)));
      else
        attribute(out, value);
    }
    if (const std::string& name = name_of(step.output); !name.empty()) {
      out.Key("out");
      text(out, name);
    }
    out.EndObject();
  }

  const AttrSpec* spec_of(const Step& step, std::string_view name) const {
    for (const AttrSpec& spec : graph_.definition(step).attrs)
      if (spec.name == name) return &spec;
    return nullptr;
  }

  void operands(Json& out, const Step& step, std::size_t index) {
    const OpDef& def = graph_.definition(step);
    if (is_list(def)) {
      text_key(out, def.inputs[0].name);
      out.StartArray();
      for (const StepValue value : step.inputs) text(out, operand(value));
      out.EndArray();
      return;
    }
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const StepValue value = step.inputs[i];
      if (value == kNoStepValue || (i == 0 && is_before(value, index)) ||
          (i == 0 && is_first_input(value, index)))
        continue;
      text_key(out, def.input(i).name);
      text(out, operand(value));
    }
  }
  // The first statement reads the first input where it says nothing.
  bool is_first_input(StepValue value, std::size_t index) const {
    return index == 0 && !ports_.inputs.empty() && ports_.inputs[0].value == value;
  }
  // A value that is read by name has one.
  std::string_view operand(StepValue value) { return name_of(value); }

  const StepGraph& graph_;
  const GraphText& ports_;
  std::vector<int> uses_;
  std::vector<std::string> names_;  // by value
};

}  // namespace

std::string write_graph(const StepGraph& graph, const GraphText& text) { return Writer(graph, text).run(); }

}  // namespace graphrun::exchange::from_onnx
