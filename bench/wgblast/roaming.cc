#include "bench/wgblast/roaming.h"

#include <nlohmann/json.hpp>

namespace warren::bench {

nlohmann::json Roaming::result() const {
    return {{"name", spec_.name}, {"moves", moves_}};
}

}  // namespace warren::bench
