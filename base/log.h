// One line per event on stderr: "level=info event=customer_applied customer=acme ...". Only the rim logs, never pure
// code.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/log_level.h"

namespace warren {

struct LogField {
    std::string_view key;
    std::string value;
};

// Names the program in every line. Call once, before threads start.
void set_log_program(std::string_view program);
// Lines below this level are left out. Default kInfo. Any thread.
void set_log_level(LogLevel level);
[[nodiscard]] LogLevel log_level();

// Writes one line with one write(2), so that lines of several threads do not mix. `event` is snake_case; values that
// need it are quoted. Never fails. Any thread.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace warren
