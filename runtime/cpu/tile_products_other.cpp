#include "runtime/cpu/tile_products.h"

// No such units: nothing but has_tile_products() is called.
namespace graphrun::cpu {

bool has_tile_products(TileType) { return false; }

void TileProducts::multiply(const TileBlock&, const TileResult& result) { pending_ = result; }
void TileProducts::finish() { last_ = static_cast<int>(type_); }

}  // namespace graphrun::cpu
