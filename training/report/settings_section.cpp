#include <fmt/format.h>

#include "graphrun/version.h"
#include "training/report/html.h"
#include "training/report/sections.h"
#include "training/run/settings.h"

namespace graphrun::training {
namespace {

bool is_default(const SettingFact& setting) { return setting.source == "default"; }

std::string table(const RunFacts& run, bool defaults) {
  std::string rows;
  for (const auto& [name, setting] : run.settings) {
    if (is_default(setting) != defaults) continue;
    rows +=
        fmt::format("<tr><th scope=\"row\"><code>{}</code></th><td><code>{}</code></td><td>{}</td></tr>\n",
                    escaped(name), escaped(setting.value), escaped(setting.source));
  }
  if (rows.empty()) return {};
  return fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}, a "
      "table\">\n<table><thead><tr><th "
      "scope=\"col\">Setting</th><th scope=\"col\">Value</th><th scope=\"col\">From</th></tr></thead>\n"
      "<tbody>\n{}</tbody></table></div>\n",
      defaults ? "Defaults" : "Chosen settings", rows);
}

// A word for a shell.
std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./,:=@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string command_block(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return "<pre tabindex=\"0\"><code>" + escaped(line) + "</code></pre>\n";
}

// Its own model and settings, the drawn seed among them.
std::vector<std::string> repeating_command(const RunFacts& run) {
  const std::string folder = run.folder.string();
  // A value stands in its option's word: the folder may be anybody's, and a value that looked like another
  // option would be one.
  std::vector<std::string> words{"grun", "train", folder + "/model.fb", "--dataset=" + run.record.dataset,
                                 "--config=" + folder + "/config.json"};
  if (run.record.data_root) words.push_back("--data-root=" + run.record.data_root->string());
  if (run.record.precision != "f32") words.push_back("--precision=" + run.record.precision);
  return words;
}

void row(std::string& html, std::string_view title, const std::string& value) {
  if (!value.empty()) html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(title), escaped(value));
}

}  // namespace

std::string settings_section(const RunFacts& run) {
  const std::string chosen = table(run, false);
  std::string html = chosen.empty() ? "<p>All settings are defaults.</p>\n" : chosen;
  const std::string defaults = table(run, true);
  if (!defaults.empty())
    html += "<details><summary>Settings that kept their defaults</summary>\n" + defaults + "</details>\n";
  return section("settings", "Settings", html);
}

std::string origin_section(const RunFacts& run) {
  const RunOrigin& origin = run.record.origin;
  std::string html;
  if (!origin.command.empty())
    html += "<p>The command that made this run:</p>\n" + command_block(origin.command);
  html += "<p>The same settings and the same seed once more, from the run’s own files:</p>\n" +
          command_block(repeating_command(run));
  std::string facts;
  row(facts, "Trained by", origin.program);
  row(facts, "System", origin.system);
  row(facts, "Processor", origin.processor);
  row(facts, "Device", origin.device);
  if (origin.threads > 0) row(facts, "Threads", std::to_string(origin.threads));
  if (origin.ranks > 1) row(facts, "Ranks", std::to_string(origin.ranks));
  if (facts.empty()) row(facts, "Machine", "not recorded: an earlier build trained this run");
  row(facts, "Report by", fmt::format("graphrun {} ({})", version(), build()));
  return section("origin", "How to repeat it", html + "<dl>\n" + facts + "</dl>\n");
}

}  // namespace graphrun::training
