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

// Names the program in every line, and makes standard error non-blocking for this process and its children
// (log_sink.h). Call once, before threads start and before the sandbox.
void set_log_program(std::string_view program);
// Lines below this level are left out. Default kInfo. Any thread.
void set_log_level(LogLevel level);
[[nodiscard]] LogLevel log_level();

// Writes one line, so that lines of several threads do not mix. `event` is snake_case; values that need it are quoted.
// Never fails and never waits: what cannot be written is kept for later, up to a bound, and lines beyond it are counted
// in a line "log_lines_lost". Any thread.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
// Lines for a person, as they are; neither fails nor waits either.
void log_text(std::string text);

// Writes what could not be written before. Each daemon's loop calls it. Any thread.
void flush_log();
[[nodiscard]] bool log_has_waiting();

}  // namespace warren
