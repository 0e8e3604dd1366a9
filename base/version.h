// The version of this build.
#pragma once

namespace warren {

// "0.2.0"; of a development version "0.2.0-dev".
extern const char* const kVersion;

}  // namespace warren
