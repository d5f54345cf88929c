#pragma once

#include <rapidjson/document.h>

#include <filesystem>
#include <string_view>

#include "graphrun/status.h"

namespace graphrun::datasets {

// JSON by somebody else, of any depth, without recursion. Errors (invalid_file) are `FILE:LINE:COLUMN: ...`.
Result<rapidjson::Document> parse_json(std::string_view text, const std::filesystem::path& file);

}  // namespace graphrun::datasets
