// What the commands share that ask statusd.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "ctl/command.h"

namespace warren::ctl {

// "2026-11-29", "2026-11-29 14:30" (UTC), or "90s", "15m", "3h", "2d", "1w" before `at`. Nothing: it is none of them.
[[nodiscard]] std::optional<WallTime> past_time(std::string_view text, WallTime at);

// Says why statusd did not answer; returns the exit status.
int complain_of_page(const Error& error, const std::string& customer, Output& output);

// The answer lacks what this version reads.
int complain_of_form(Output& output);

// What `show` returns; complain_of_form() where it meets something else than it expects.
int show_answer(Output& output, const std::function<int()>& show);

}  // namespace warren::ctl
