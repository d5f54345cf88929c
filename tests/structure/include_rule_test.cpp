#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

// The arrows between the rooms (doc/architecture.md): who may include whom, and which room may see which
// library.
namespace {

namespace fs = std::filesystem;

const fs::path kSource = GRAPHRUN_SOURCE_DIR;

struct Room {
  std::set<std::string> rooms;      // besides itself
  std::set<std::string> libraries;  // prefixes of <...> includes
};

const std::map<std::string, Room> kRooms{
    {"runtime/core", {{}, {}}},
    {"runtime/collective", {{"runtime/core", "runtime/cuda"}, {"mpi.h", "nccl", "cuda"}}},
    {"runtime/cpu", {{"runtime/core"}, {"oneapi/dnnl", "omp.h"}}},
    {"runtime/cuda", {{"runtime/core"}, {"cuda", "cudnn", "cublas"}}},
    {"runtime/model", {{"runtime/core"}, {"flatbuffers"}}},
    {"runtime/weights", {{"runtime/core", "runtime/model"}, {"rapidjson"}}},
    {"runtime/session", {{"runtime/core", "runtime/collective", "runtime/model", "runtime/weights"}, {}}},
    {"ops",
     {{"runtime/core", "runtime/model", "runtime/cpu", "runtime/cuda"},
      {"oneapi/dnnl", "omp.h", "cuda", "cudnn", "cublas"}}},
    {"compiler", {{"runtime/core", "runtime/model", "ops"}, {"rapidjson"}}},
    {"datasets", {{"runtime/core"}, {"opencv2", "png.h", "jpeglib.h", "rapidjson"}}},
};

const std::set<std::string> kWatchedLibraries{"oneapi/dnnl", "omp.h",  "flatbuffers", "rapidjson", "opencv2",
                                              "png.h",       "CLI",    "fmt",         "boost",     "cuda",
                                              "cudnn",       "cublas", "jpeglib.h",   "nccl",      "mpi.h"};

std::optional<std::string> room_of(const std::string& path) {
  for (const auto& [room, rules] : kRooms) {
    if (path.starts_with(room + "/")) return room;
  }
  return std::nullopt;
}

bool is_source(const fs::path& path) {
  static const std::set<std::string> kExtensions{".h", ".cpp", ".inc", ".cu", ".cuh"};
  return kExtensions.contains(path.extension().string());
}

std::string included(const std::string& line, char open, char close) {
  if (!line.starts_with("#include ")) return {};
  const std::size_t begin = line.find(open);
  const std::size_t end = line.find(close, begin + 1);
  return begin == std::string::npos || end == std::string::npos ? ""
                                                                : line.substr(begin + 1, end - begin - 1);
}

std::vector<fs::path> sources(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(kSource / folder)) {
    if (entry.is_regular_file() && is_source(entry.path())) files.push_back(entry.path());
  }
  return files;
}

// A kernel of one device knows nothing of another's.
bool crosses_devices(const fs::path& file, const std::string& line) {
  const std::string name = file.filename().string();
  const std::string path = included(line, '"', '"');
  if (name.starts_with("cpu")) return path.starts_with("runtime/cuda/");
  return name.starts_with("cuda") && path.starts_with("runtime/cpu/");
}

std::string check_line(const std::string& room, const std::string& line) {
  const Room& rules = kRooms.at(room);
  if (const std::string path = included(line, '"', '"'); !path.empty()) {
    const auto target = room_of(path);
    if (target && *target != room && !rules.rooms.contains(*target))
      return room + " must not include " + path;
    if (path.starts_with("tools/") || path.starts_with("tests/")) return room + " must not include " + path;
  }
  const std::string library = included(line, '<', '>');
  for (const std::string& watched : kWatchedLibraries) {
    if (library.starts_with(watched) && !rules.libraries.contains(watched))
      return room + " must not use <" + library + ">";
  }
  return {};
}

}  // namespace

BOOST_AUTO_TEST_CASE(includes_follow_the_arrows) {
  for (const auto& [room, rules] : kRooms) {
    for (const fs::path& file : sources(room)) {
      std::ifstream stream(file);
      for (std::string line; std::getline(stream, line);) {
        const std::string problem = check_line(room, line);
        BOOST_CHECK_MESSAGE(problem.empty(), fs::relative(file, kSource).string() << ": " << problem);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(kernels_of_one_device_do_not_see_another) {
  for (const fs::path& file : sources("ops")) {
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
      BOOST_CHECK_MESSAGE(!crosses_devices(file, line), fs::relative(file, kSource).string() << ": " << line);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_compiler_sees_definitions_and_never_kernels) {
  for (const fs::path& file : sources("compiler")) {
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
      const std::string path = included(line, '"', '"');
      BOOST_CHECK_MESSAGE(!path.starts_with("ops/") || path == "ops/registry.h",
                          fs::relative(file, kSource).string() << " includes " << path);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_file_is_longer_than_600_lines) {
  for (const char* folder : {"runtime", "ops", "compiler", "datasets", "tools", "tests"}) {
    for (const fs::path& file : sources(folder)) {
      std::ifstream stream(file);
      const auto lines = std::count(std::istreambuf_iterator<char>(stream), {}, '\n');
      BOOST_CHECK_MESSAGE(lines <= 600, fs::relative(file, kSource).string() << " has " << lines << " lines");
    }
  }
}
