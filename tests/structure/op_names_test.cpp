#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "ops/registry.h"

// An op's name is known in its own folder, and to whoever includes that folder's names.h. The engine finds
// what it computes with itself by OpRole, so that a program may bring its own.
namespace fs = std::filesystem;

namespace {

const fs::path kSource = GRAPHRUN_SOURCE_DIR;

std::string text_of(const fs::path& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool is_op(const std::string& name) { return graphrun::ops::op_registry().find(name) != nullptr; }

// The ops that a text asks for by name: to add a node, to look for one, to compute with.
std::vector<std::string> asked_for(const std::string& text) {
  static const std::regex kCall(
      R"re((?:\badd\(|\bfind(?:_op)?\((?:[^()"]*,)?|\bop [=!]= |sole_producer\([^"]*,|\bbind\([^"]*,)\s*"([a-z0-9_]+)")re");
  std::vector<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), kCall), end; at != end; ++at) {
    if (is_op((*at)[1])) names.push_back((*at)[1]);
  }
  return names;
}

// Each op by the folder that defines it: the one where its name stands as a name.
std::map<std::string, std::string> folders_of_ops() {
  static const std::regex kName(R"re("([a-z0-9_]+)")re");
  std::map<std::string, std::string> folders;
  for (const auto& folder : fs::directory_iterator(kSource / "ops")) {
    if (!folder.is_directory()) continue;
    for (const auto& file : fs::directory_iterator(folder)) {
      const std::string name = file.path().filename().string();
      if (!name.starts_with("cpu")) continue;
      const std::string text = text_of(file);
      for (std::sregex_iterator at(text.begin(), text.end(), kName), end; at != end; ++at) {
        const std::string op = (*at)[1];
        const bool registered = text.find("{\"" + op + "\", \"") != std::string::npos;
        if (is_op(op) && registered) folders.emplace(op, folder.path().filename().string());
      }
    }
  }
  return folders;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_engine_asks_for_no_op_by_name) {
  for (const char* const top : {"api", "compiler", "datasets", "include", "runtime", "training"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kSource / top)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
      for (const std::string& name : asked_for(text_of(entry)))
        BOOST_ERROR(fs::relative(entry, kSource).string() << " asks for the op " << name << " by its name");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_folder_of_ops_names_no_op_of_another) {
  const std::map<std::string, std::string> folders = folders_of_ops();
  BOOST_TEST(folders.size() > 60u, "found " << folders.size() << " ops only");
  for (const auto& entry : fs::recursive_directory_iterator(kSource / "ops")) {
    if (!entry.is_regular_file()) continue;
    const std::string folder = entry.path().parent_path().filename().string();
    for (const std::string& name : asked_for(text_of(entry))) {
      const auto found = folders.find(name);
      BOOST_TEST((found == folders.end() || found->second == folder),
                 fs::relative(entry, kSource).string()
                     << " names " << name << ", which is in ops/"
                     << (found == folders.end() ? folder : found->second) << "; include its names.h");
    }
  }
}
