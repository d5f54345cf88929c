#pragma once

#include <rapidjson/document.h>

#include <string>
#include <vector>

namespace graphrun::training {

// What made a run: enough to repeat it, and to know why it took as long as it did. A run of an earlier build
// has none.
struct RunOrigin {
  std::string network;
  std::string program;               // name, version and build
  std::vector<std::string> command;  // its words; empty where a program called the library
  std::string system;                // kernel and its version
  std::string processor;
  std::string device;  // such as cuda:0
  int threads = 0;     // of a rank; 0: unknown
  int ranks = 1;
};

// Program, system and processor as they are here.
RunOrigin origin_here();

// As run.json keeps it.
rapidjson::Value to_json(const RunOrigin& origin, rapidjson::Document::AllocatorType& allocator);
// What is missing or of another kind stays empty.
RunOrigin read_origin(const rapidjson::Value& json);

}  // namespace graphrun::training
