#include "base/version.h"

namespace warren {

const char* const kVersion = WARREN_VERSION;

}  // namespace warren
