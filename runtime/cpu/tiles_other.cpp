#include "runtime/cpu/tiles.h"

// No such units: nothing but has_tiles() is called.
namespace graphrun::cpu {

bool has_tiles() { return false; }

TileScope::TileScope() : before_{} {}
TileScope::~TileScope() = default;

void multiply_tiles(std::int64_t, std::int64_t, const BFloat16*, std::int64_t, const Tiles&, bool, float*,
                    std::int64_t) {}

}  // namespace graphrun::cpu
