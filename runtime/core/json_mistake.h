#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace graphrun::core {

// What is wrong at the place where a parser of JSON gave up, as "JSON has no comments" or "a comma before the
// closing bracket"; `reason`, the parser's own, where it is none of the mistakes that people make often.
std::string json_mistake(std::string_view text, std::size_t offset, std::string_view reason);

}  // namespace graphrun::core
