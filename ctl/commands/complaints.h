// What commands that ask vpnd say when it has no answer.
#pragma once

#include <string>

#include "base/result.h"
#include "ctl/command.h"

namespace warren::ctl {

// Says why there is no snapshot of `customer` ("": of all), and returns the exit status.
int complain_of(const Error& error, const std::string& customer, Output& output);

}  // namespace warren::ctl
