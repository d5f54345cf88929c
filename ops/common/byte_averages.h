#pragma once

#include <memory>

#include "graphrun/kernel/kernel.h"

namespace graphrun::ops {

using PrepareIntegers = Result<std::unique_ptr<Kernel>> (*)(const KernelRequest& of_integers);

// Averages over many pixels of bytes. Their range is a small part of what they are made of, so they get a
// scale of their own: averages of the integers, which `prepare`'s kernel writes in f32 and for which it has
// no scratch, are brought to it, or to reals.
Result<std::unique_ptr<Kernel>> for_averages(const KernelRequest& request, PrepareIntegers prepare);

}  // namespace graphrun::ops
