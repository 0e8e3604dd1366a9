#include "base/bytes.h"

#include <bit>

namespace warren {

static_assert(std::endian::native == std::endian::little, "load_le and store_le rely on it");

}  // namespace warren
