// One question to fleetd over RUN_DIR-fleet/config.sock and its answer (fleet/rim/configuration.h). For those who know
// its form.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace warren::ctl {

// kUnavailable: it cannot be reached; kConflict: etcd compared and refused; kFailed: what it said.
[[nodiscard]] Result<nlohmann::json> ask_for_json(const std::string& run_dir, const nlohmann::json& question);
[[nodiscard]] nlohmann::json array_of(const nlohmann::json& of, const char* name);

}  // namespace warren::ctl
