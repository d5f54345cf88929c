#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/structure/tree.h"

// The arrows between folders (doc/map.md): who may include whom, and which folder may see which library.
namespace {

namespace fs = std::filesystem;
namespace test = graphrun::test;
using test::kSource;

using Names = std::set<std::string>;

struct Room {
  Names rooms;      // besides itself
  Names libraries;  // prefixes of <...> includes, of those that are watched
};

// A file belongs to the row with the longest name that its path begins with.
const std::map<std::string, Room>& rooms() {
  static const std::map<std::string, Room> table = [] {
    std::map<std::string, Room> rows{
        {"include", {{}, {}}},
        {"runtime/core", {{"include"}, {"rapidjson"}}},
        {"runtime/numeric", {{"include"}, {}}},
        {"runtime/collective", {{"include", "runtime/core", "runtime/cuda"}, {"mpi.h", "nccl", "cuda"}}},
        {"runtime/cpu", {{"include", "runtime/core"}, {"oneapi/dnnl", "omp.h"}}},
        {"runtime/cuda", {{"include", "runtime/core"}, {"cuda", "cudnn", "cublas"}}},
        {"runtime/model", {{"include", "runtime/core", "runtime/numeric"}, {"flatbuffers"}}},
        {"runtime/weights", {{"include", "runtime/core", "runtime/model"}, {"rapidjson"}}},
        {"runtime/imaging",
         {{"include", "runtime/core", "runtime/numeric", "runtime/model", "runtime/cpu", "runtime/cuda"},
          {"cuda"}}},
        {"runtime/session",
         {{"include", "runtime/core", "runtime/numeric", "runtime/collective", "runtime/model",
           "runtime/weights"},
          {}}},
        {"runtime/profiling", {{"include", "runtime/core", "runtime/model", "runtime/session"}, {"fmt"}}},
        {"runtime/labelling",
         {{"include", "runtime/core", "runtime/imaging", "runtime/model", "runtime/session",
           "runtime/weights"},
          {"rapidjson"}}},
        {"runtime/plugin", {{"include", "runtime/core", "runtime/model"}, {}}},
        {"ops",
         {{"include", "runtime/core", "runtime/numeric", "runtime/model", "runtime/cpu", "runtime/cuda"},
          {"oneapi/dnnl", "omp.h", "cuda", "cudnn", "cublas"}}},
        {"compiler", {{"include", "runtime/core", "runtime/model", "ops"}, {"rapidjson"}}},
        {"datasets/codecs", {{"include", "runtime/imaging"}, {"opencv2", "tiffio.h"}}},
        {"datasets/import", {{"include", "runtime/core", "runtime/imaging", "datasets"}, {"rapidjson"}}},
        {"datasets",
         {{"include", "runtime/core", "runtime/imaging", "datasets/codecs"},
          {"png.h", "jpeglib.h", "rapidjson"}}},
    };
    Names below;
    for (const auto& [name, row] : rows) below.insert(name);
    Names of_training = below;
    for (const char* not_seen : {"runtime/cuda", "runtime/plugin", "ops", "compiler"})
      of_training.erase(not_seen);
    rows["training"] = {of_training, {"fmt", "rapidjson"}};
    below.insert("training");
    rows["api"] = {below, {"cuda"}};
    below.insert("api");
    rows["exchange/onnx"] = {{"include", "runtime/core"}, {}};
    rows["exchange/to_onnx"] = {
        {"include", "runtime/core", "runtime/model", "runtime/weights", "runtime/session", "exchange/onnx"},
        {"rapidjson"}};
    rows["exchange/from_onnx"] = {
        {"include", "runtime/core", "runtime/model", "runtime/weights", "exchange/onnx"}, {"rapidjson"}};
    below.insert({"exchange/onnx", "exchange/to_onnx", "exchange/from_onnx"});
    rows["examples"] = {{"include"}, {}};
    const Names programs{"CLI",       "fmt",         "rapidjson",   "opencv2", "png.h",
                         "jpeglib.h", "flatbuffers", "oneapi/dnnl", "cuda"};
    rows["tools"] = {below, programs};
    below.insert({"tools", "examples"});
    Names all = programs;
    all.insert({"boost", "mpi.h", "nccl", "omp.h", "cudnn", "cublas"});
    rows["tests"] = {below, all};
    return rows;
  }();
  return table;
}

const Names kWatchedLibraries{"oneapi/dnnl", "omp.h", "flatbuffers", "rapidjson", "opencv2", "png.h",
                              "CLI",         "fmt",   "boost",       "cuda",      "cudnn",   "cublas",
                              "jpeglib.h",   "nccl",  "mpi.h",       "tiffio.h"};

std::string room_of(const std::string& path) {
  std::string best;
  for (const auto& [room, rules] : rooms()) {
    if (test::is_below(path, room) && room.size() > best.size()) best = room;
  }
  return best;
}

struct Include {
  std::string path;
  bool quoted = false;
};

struct Source {
  std::string path;  // from the root of the tree
  std::vector<Include> includes;
  std::size_t lines = 0;
};

Source read(const test::TextFile& file) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  Source source{file.path, {}, file.lines.size()};
  for (const std::string& line : file.lines) {
    std::smatch found;
    if (std::regex_match(line, found, kInclude)) source.includes.push_back({found[2], found[1] == "\""});
  }
  return source;
}

const std::vector<Source>& sources() {
  static const std::vector<Source> all = [] {
    std::vector<Source> found;
    for (const test::TextFile& file : test::sources()) found.push_back(read(file));
    return found;
  }();
  return all;
}

// The file of the tree that an include means; empty for a library's.
std::string target_of(const Include& include) {
  const std::string path = include.path.starts_with("graphrun/") ? "include/" + include.path : include.path;
  return fs::exists(kSource / path) ? path : "";
}

std::string check(const std::string& room, const Include& include) {
  const Room& rules = rooms().at(room);
  if (const std::string target = target_of(include); !target.empty()) {
    const std::string other = room_of(target);
    return other == room || rules.rooms.contains(other) ? "" : room + " must not include " + include.path;
  }
  for (const std::string& watched : kWatchedLibraries) {
    if (!include.quoted && include.path.starts_with(watched) && !rules.libraries.contains(watched))
      return room + " must not use <" + include.path + ">";
  }
  return {};
}

using Arrows = std::map<std::string, Names>;

// A circle of folders, or nothing: folders without arrows to others are taken away until none is left.
Names circle(Arrows arrows) {
  for (bool changed = true; changed;) {
    changed = false;
    for (auto at = arrows.begin(); at != arrows.end();) {
      std::erase_if(at->second, [&](const std::string& to) { return !arrows.contains(to); });
      const bool ends_here = at->second.empty();
      changed = changed || ends_here;
      at = ends_here ? arrows.erase(at) : std::next(at);
    }
  }
  Names left;
  for (const auto& [folder, to] : arrows) left.insert(folder);
  return left;
}

std::string joined(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// A kernel of one device knows nothing of another's.
bool crosses_devices(const std::string& file, const Include& include) {
  const std::string name = fs::path(file).filename().string();
  if (name.starts_with("cpu")) return include.path.starts_with("runtime/cuda/");
  return name.starts_with("cuda") && include.path.starts_with("runtime/cpu/");
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_source_file_has_a_row) {
  for (const Source& source : sources())
    BOOST_CHECK_MESSAGE(!room_of(source.path).empty(), source.path << " is in no room");
}

BOOST_AUTO_TEST_CASE(includes_follow_the_arrows) {
  for (const Source& source : sources()) {
    const std::string room = room_of(source.path);
    if (room.empty()) continue;
    for (const Include& include : source.includes) {
      const std::string problem = check(room, include);
      BOOST_CHECK_MESSAGE(problem.empty(), source.path << ": " << problem);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_row_allows_a_circle) {
  Arrows allowed;
  for (const auto& [room, rules] : rooms()) allowed[room] = rules.rooms;
  BOOST_TEST(joined(circle(allowed)).empty(), joined(circle(allowed)));
}

BOOST_AUTO_TEST_CASE(no_folders_include_each_other_in_a_circle) {
  Arrows arrows;
  for (const Source& source : sources()) {
    const std::string folder = fs::path(source.path).parent_path().string();
    for (const Include& include : source.includes) {
      const std::string target = target_of(include);
      const std::string other = fs::path(target).parent_path().string();
      if (!target.empty() && other != folder) arrows[folder].insert(other);
    }
  }
  BOOST_TEST(joined(circle(arrows)).empty(), joined(circle(arrows)));
}

BOOST_AUTO_TEST_CASE(public_headers_include_public_headers_alone) {
  for (const Source& source : sources()) {
    if (!source.path.starts_with("include/")) continue;
    for (const Include& include : source.includes) {
      BOOST_CHECK_MESSAGE(!include.quoted || include.path.starts_with("graphrun/"),
                          source.path << " includes " << include.path);
    }
  }
}

BOOST_AUTO_TEST_CASE(kernels_of_one_device_do_not_see_another) {
  for (const Source& source : sources()) {
    if (!source.path.starts_with("ops/")) continue;
    for (const Include& include : source.includes)
      BOOST_CHECK_MESSAGE(!crosses_devices(source.path, include), source.path << ": " << include.path);
  }
}

BOOST_AUTO_TEST_CASE(the_compiler_sees_definitions_and_never_kernels) {
  for (const Source& source : sources()) {
    if (!source.path.starts_with("compiler/")) continue;
    for (const Include& include : source.includes) {
      BOOST_CHECK_MESSAGE(!include.path.starts_with("ops/") || include.path == "ops/registry.h",
                          source.path << " includes " << include.path);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_file_is_longer_than_500_lines) {
  for (const Source& source : sources())
    BOOST_CHECK_MESSAGE(source.lines <= 500, source.path << " has " << source.lines << " lines");
}

BOOST_AUTO_TEST_CASE(the_programs_are_command_lines_only) {
  std::size_t lines = 0;
  for (const Source& source : sources()) {
    if (test::is_below(source.path, "tools/graphc") || test::is_below(source.path, "tools/grun"))
      lines += source.lines;
  }
  BOOST_TEST(lines <= 3500u);
}
