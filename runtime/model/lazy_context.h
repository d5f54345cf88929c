#pragma once

#include <utility>

#include "graphrun/status.h"

namespace graphrun::model {

// with_context(where()), with the text made for errors alone: checks of each value and attribute of a
// model would else spend most of their time on names that nobody reads.
template <class Where>
Status in_context(Status status, const Where& where) {
  if (status.ok()) return status;
  return std::move(status).with_context(where());
}
template <class T, class Where>
Result<T> in_context(Result<T> result, const Where& where) {
  if (result.ok()) return result;
  return std::move(result).with_context(where());
}

}  // namespace graphrun::model
