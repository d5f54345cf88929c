#include "compiler/expand.h"

#include <algorithm>
#include <array>

#include "compiler/expander.h"
#include "runtime/core/checked.h"

namespace graphrun::compiler {
namespace {

constexpr std::array<std::string_view, 5> kStatements{"op", "block", "repeat", "graph", "let"};

}  // namespace

Expansion expand(const Source& source, Context context, Diagnostics& diagnostics,
                 std::string_view optimizer) {
  return Expander(source, context, diagnostics, optimizer).run();
}

Expander::Expander(const Source& source, Context context, Diagnostics& diagnostics,
                   std::string_view optimizer)
    : source_(source),
      context_(context),
      diagnostics_(diagnostics),
      builder_(context, "graph"),
      symbols_(symbols_of(context.model)),
      parameter_names_(context.model.parameter_index()),
      chosen_optimizer_(optimizer) {
  std::size_t bytes = 0;
  for (const JsonValue& file : source.files) bytes += file.bytes;
  max_statements_ = kMaxStatements + bytes / kBytesOfStatement;
  if (source.graph().find("losses") != nullptr)
    max_variables_ = kMaxTrainedVariables + bytes / kBytesOfTrainedVariable;
}

Expansion Expander::run() {
  const JsonValue& file = source_.graph();
  const JsonValue* statements = file.find("graph");
  if (statements == nullptr) {
    diagnostics_.error(file.at, "the file has no \"graph\"");
    return std::move(result_);
  }
  if (!expect(*statements, JsonValue::Kind::list, "a list of statements", diagnostics_))
    return std::move(result_);
  Frame main;
  main.statements = statements;
  main.scope = std::make_shared<Scope>();
  main.inits = std::make_shared<const Inits>();
  main.defaults = std::make_shared<const AttrMap>();
  for (const model::GraphParameter& parameter : context_.model.parameters) {
    const Expr value =
        parameter.integer ? Expr(core::saturating_integer(parameter.value)) : Expr(parameter.value);
    main.scope->numbers[parameter.name] = parameter.structural ? value : Expr::symbol(parameter.name);
  }
  for (std::size_t i = 0; i < context_.model.inputs.size(); ++i) {
    const model::Input& input = context_.model.inputs[i];
    for (const Expr& extent : input.shape) {
      for (const std::string& symbol : extent.symbols)
        main.scope->numbers.try_emplace(symbol, Expr::symbol(symbol));
    }
    ValueId value = builder_.input(static_cast<std::int32_t>(i));
    if (const Status status = builder_.take_status(); !status.ok()) {
      const JsonValue* inputs = file.find("inputs");
      error(inputs == nullptr ? file.at : inputs->at, status.message());
      value = kPoison;
    }
    main.scope->values[input.name] = value;
    if (i == 0) main.previous = value;
  }
  // The main frame stays below the loop's, for outputs and losses.
  frames_.push_back(main);
  frames_.push_back(std::move(main));
  while (frames_.size() > 1 && !diagnostics_.full()) step();
  if (out_of_budget_ || diagnostics_.full()) return std::move(result_);
  outputs();
  losses();
  optimizer();
  result_.graph = std::move(builder_.graph());
  return std::move(result_);
}

void Expander::error(Position at, std::string_view message) { diagnostics_.error(at, current_, message); }

void Expander::step() {
  Frame& frame = top();
  if (frame.next < frame.statements->items.size()) {
    const JsonValue& next = frame.statements->items[frame.next];
    // What a body has is counted when it is run.
    const JsonValue* body = next.find("graph");
    if (!spend(frame.statements->at, next.bytes - (body == nullptr ? 0 : body->bytes))) return;
    ++frame.next;
    statement(next);
    return;
  }
  if (!spend(frame.statements->at, 0)) return;
  ++frame.iteration;
  if (frame.iteration < frame.count && begin_iteration(frame)) return;
  close();
}

bool Expander::spend(Position at, std::size_t bytes) {
  statement_bytes_ += bytes;
  ++statements_;
  const std::string excess = over_budget();
  if (excess.empty()) return true;
  error(at, excess);
  out_of_budget_ = true;
  frames_.resize(1);
  return false;
}

std::string Expander::over_budget() const {
  if (statements_ > max_statements_)
    return "the graph expands to more than " + std::to_string(max_statements_) + " statements";
  if (statement_bytes_ > kMaxStatementBytes)
    return "the graph expands to statements of more than " + std::to_string(kMaxStatementBytes) + " bytes";
  if (context_.model.variables.size() > max_variables_)
    return "a graph with losses may have " + std::to_string(max_variables_) +
           " parameters and buffers, one for each KiB of its files among them; this one expands to more";
  return {};
}

void Expander::statement(const JsonValue& json) {
  current_ = top().prefix.substr(0, top().prefix.empty() ? 0 : top().prefix.size() - 1);
  if (!expect(json, JsonValue::Kind::object, "a statement: an object", diagnostics_)) return;
  const JsonValue* found = nullptr;
  std::string_view kind;
  for (const std::string_view key : kStatements) {
    const JsonValue* member = json.find(key);
    if (member == nullptr || (key == "graph" && kind == "repeat")) continue;
    if (found != nullptr) {
      error(member->at, "a statement is either " + in_quotes(kind) + " or " + in_quotes(key));
      return fail(json);
    }
    found = member;
    kind = key;
  }
  if (found == nullptr) {
    for (const JsonMember& member : json.members) {
      const std::string near = nearest_name(member.key, kStatements);
      if (near.empty()) continue;
      error(member.at, "unknown key " + in_quotes(member.key) + "; did you mean " + in_quotes(near) + "?");
      return fail(json);
    }
    error(json.at, "a statement needs one of the keys \"op\", \"block\", \"repeat\", \"graph\", \"let\"");
    return fail(json);
  }
  if (!is_on(json)) return;
  if (kind == "op") {
    give_results(json, add_op(json, *found, {"op", "as", "out", "if", "init", "doc"}));
  } else if (kind == "block") {
    open_call(json, *found);
  } else if (kind == "let") {
    let(json);
  } else {
    open_group(json);
  }
}

bool Expander::is_on(const JsonValue& json) {
  const JsonValue* condition = json.find("if");
  if (condition == nullptr) return true;
  const std::optional<std::int64_t> flag = integer(*condition);
  if (!flag) fail(json);
  return flag && *flag != 0;
}

void Expander::fail(const JsonValue& json) {
  const auto poison = [&](const JsonValue& statement) {
    const JsonValue* out = statement.find(statement.find("let") == nullptr ? "out" : "let");
    if (out == nullptr) return;
    for (const JsonValue* name : read_names(*out, diagnostics_)) top().scope->values[name->text] = kPoison;
  };
  poison(json);
  if (const JsonValue* body = json.find("graph")) std::ranges::for_each(body->items, poison);
  top().previous = kPoison;
}

void Expander::give_results(const JsonValue& json, const std::vector<ValueId>& values) {
  if (values.empty()) return fail(json);
  top().previous = values[0];
  const JsonValue* out = json.find("out");
  if (out == nullptr) return;
  const std::vector<const JsonValue*> names = read_names(*out, diagnostics_);
  if (names.size() > values.size())
    error(out->at, std::to_string(names.size()) + " names for " + std::to_string(values.size()) + " results");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!is_identifier(names[i]->text)) error(names[i]->at, in_quotes(names[i]->text) + " is not a name");
    top().scope->values[names[i]->text] = i < values.size() ? values[i] : kPoison;
  }
}

void Expander::let(const JsonValue& json) {
  check_keys(json, {"let", "be", "if", "doc"}, "a renaming", diagnostics_);
  const JsonValue& name = *json.find("let");
  if (!expect(name, JsonValue::Kind::text, "a name", diagnostics_)) return;
  if (!is_identifier(name.text)) error(name.at, in_quotes(name.text) + " is not a name");
  const JsonValue* be = json.find("be");
  ValueId named = be == nullptr ? top().previous : value(*be).value_or(kPoison);
  if (named == kNoValue) {
    error(name.at, "there is no result before this that " + in_quotes(name.text) + " could name");
    named = kPoison;
  }
  top().scope->values[name.text] = named;
}

void Expander::open_call(const JsonValue& json, const JsonValue& name) {
  if (!expect(name, JsonValue::Kind::text, "the name of a block", diagnostics_)) return fail(json);
  const auto found = source_.blocks.find(name.text);
  if (found == source_.blocks.end()) {
    const auto names = [&] {
      std::vector<std::string_view> all;
      for (const auto& [known, block] : source_.blocks) all.push_back(known);
      return all;
    };
    error(name.at,
          "there is no block " + in_quotes(name.text) + diagnostics_.suggestion(name.at, name.text, names));
    return fail(json);
  }
  const Block& block = found->second;
  std::optional<std::string> prefix = scope_prefix(json, top().prefix);
  if (!prefix) return fail(json);
  if (!prefix->empty()) current_ = prefix->substr(0, prefix->size() - 1);
  if (frames_.size() > kMaxBlockDepth) {
    error(json.at, "blocks nest deeper than " + std::to_string(kMaxBlockDepth) + "; does " +
                       in_quotes(block.name) + " call itself?");
    return fail(json);
  }
  auto inner = std::make_shared<Scope>();
  std::shared_ptr<const Inits> initialisers = inits(json);
  std::shared_ptr<const AttrMap> attributes = defaults(json);
  const bool bound = bind_arguments(json, block, inner);
  if (!bound || !initialisers || !attributes) return fail(json);
  Frame frame;
  frame.statements = block.graph;
  frame.previous = block.inputs.empty() ? kNoValue : inner->values[block.inputs[0]];
  frame.scope = std::move(inner);
  frame.prefix = *std::move(prefix);
  frame.inits = std::move(initialisers);
  frame.defaults = std::move(attributes);
  frame.statement = &json;
  frame.block = &block;
  frames_.push_back(std::move(frame));
}

bool Expander::bind_arguments(const JsonValue& json, const Block& block,
                              const std::shared_ptr<Scope>& inner) {
  std::vector<std::string_view> known(block.inputs.begin(), block.inputs.end());
  for (const BlockParameter& parameter : block.parameters) known.push_back(parameter.name);
  known.insert(known.end(), {"block", "as", "out", "if", "init", "defaults", "doc"});
  check_keys(json, known, "the block " + block.name, diagnostics_);
  bool good = true;
  statement_bytes_ += (block.inputs.size() + block.parameters.size()) * sizeof(Expr);
  for (std::size_t i = 0; i < block.inputs.size(); ++i) {
    const JsonValue* given = json.find(block.inputs[i]);
    std::optional<ValueId> bound;
    if (given != nullptr) {
      bound = value(*given);
    } else if (i == 0 && top().previous != kNoValue) {
      bound = top().previous;
    } else {
      error(json.at, "the block " + block.name + " needs its input " + in_quotes(block.inputs[i]));
    }
    good = good && bound && *bound != kPoison;
    inner->values[block.inputs[i]] = bound.value_or(kPoison);
  }
  // Defaults may use the block's inputs and the parameters before.
  for (const BlockParameter& parameter : block.parameters) {
    const JsonValue* given = json.find(parameter.name);
    std::optional<Expr> number;
    if (given != nullptr) {
      number = expression(*given);
    } else if (parameter.fallback != nullptr && good) {
      statement_bytes_ += parameter.fallback->bytes;
      Frame defaults;
      defaults.scope = inner;
      frames_.push_back(std::move(defaults));
      number = expression(*parameter.fallback);
      frames_.pop_back();
    } else if (parameter.fallback == nullptr) {
      error(json.at, "the block " + block.name + " needs its parameter " + in_quotes(parameter.name));
    }
    good = good && number;
    inner->numbers[parameter.name] = number.value_or(Expr(1));
  }
  return good;
}

void Expander::open_group(const JsonValue& json) {
  check_keys(json, {"repeat", "index", "graph", "as", "init", "defaults", "if", "doc"}, "a repeat or group",
             diagnostics_);
  const JsonValue* body = json.find("graph");
  if (body == nullptr) {
    error(json.at, "a repeat needs a \"graph\"");
    return fail(json);
  }
  if (!expect(*body, JsonValue::Kind::list, "a list of statements", diagnostics_)) return fail(json);
  Frame frame;
  frame.statements = body;
  frame.scope = top().scope;
  frame.previous = top().previous;
  frame.statement = &json;
  if (const JsonValue* count = json.find("repeat")) {
    const std::optional<std::int64_t> times = integer(*count);
    if (!times) return fail(json);
    if (*times < 0) {
      error(count->at, "a repeat of " + std::to_string(*times) + " times");
      return fail(json);
    }
    if (*times == 0) return;
    frame.count = *times;
  }
  const JsonValue* index = json.find("index");
  if (index != nullptr && expect(*index, JsonValue::Kind::text, "a name", diagnostics_)) {
    if (!is_identifier(index->text) || frame.scope->numbers.contains(index->text)) {
      error(index->at, in_quotes(index->text) +
                           (is_identifier(index->text) ? " has a meaning already" : " is not a name"));
      return fail(json);
    }
    frame.index = index->text;
  }
  if (frames_.size() > kMaxBlockDepth) {
    error(json.at, "statements nest deeper than " + std::to_string(kMaxBlockDepth));
    return fail(json);
  }
  if (!frame.index.empty()) frame.scope->numbers[frame.index] = Expr(0);
  frame.base = top().prefix;
  const std::optional<std::string> prefix = scope_prefix(json, frame.base);
  std::shared_ptr<const Inits> initialisers = inits(json);
  std::shared_ptr<const AttrMap> attributes = defaults(json);
  if (!prefix || !initialisers || !attributes) {
    frame.scope->numbers.erase(frame.index);
    return fail(json);
  }
  frame.prefix = *prefix;
  frame.inits = std::move(initialisers);
  frame.defaults = std::move(attributes);
  frames_.push_back(std::move(frame));
}

bool Expander::begin_iteration(Frame& frame) {
  if (!frame.index.empty()) frame.scope->numbers[frame.index] = Expr(frame.iteration);
  const std::optional<std::string> prefix = scope_prefix(*frame.statement, frame.base);
  if (!prefix) return false;
  frame.prefix = *prefix;
  frame.next = 0;
  return true;
}

void Expander::close() {
  const Frame done = std::move(frames_.back());
  frames_.pop_back();
  if (done.block == nullptr) {
    if (!done.index.empty()) done.scope->numbers.erase(done.index);
    top().previous = done.previous;
    return;
  }
  if (done.block->out == nullptr && done.previous == kNoValue) {
    error(done.statement->at, "the block " + done.block->name + " has neither an input nor a result to give");
    return fail(*done.statement);
  }
  if (done.block->out == nullptr) return give_results(*done.statement, {done.previous});
  std::vector<ValueId> results;
  for (const JsonValue* name : read_names(*done.block->out, diagnostics_)) {
    const auto found = done.scope->values.find(name->text);
    if (found == done.scope->values.end())
      error(name->at,
            "the block " + done.block->name + " has no value " + in_quotes(name->text) + " to give");
    results.push_back(found == done.scope->values.end() ? kPoison : found->second);
  }
  give_results(*done.statement, results);
}

}  // namespace graphrun::compiler
