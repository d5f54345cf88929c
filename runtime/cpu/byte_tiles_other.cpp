#include "runtime/cpu/byte_tiles.h"

// No such units: nothing but has_byte_tiles() is called.
namespace graphrun::cpu {

bool has_byte_tiles() { return false; }

void ByteProducts::multiply(const ByteBlock&, const ByteResult& result) { pending_ = result; }
void ByteProducts::finish() { last_ = 0; }

}  // namespace graphrun::cpu
