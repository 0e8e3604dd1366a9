// What stackd says of the networks that a customer's stack has learned.
#pragma once

#include <string>
#include <vector>

#include "ipc/learned_facts.h"

namespace warren::ctl {

// None without a stackd that answers.
[[nodiscard]] std::vector<ipc::LearnedFact> learned_of(const std::string& run_dir, const std::string& customer);

}  // namespace warren::ctl
