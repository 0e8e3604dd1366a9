#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/printable.h"

namespace warren {

namespace {

std::string program_name = "warren";  // written once, before threads start
std::atomic<LogLevel> threshold = LogLevel::kInfo;

void append_value(std::string& line, std::string_view value) {
    const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
    });
    if (plain) {
        line += value;
        return;
    }
    line += '"';
    for (const char c : printable(value, "\n")) {
        if (c == '"' || c == '\\') line += '\\';
        if (c == '\n') {
            line += "\\n";
        } else {
            line += c;
        }
    }
    line += '"';
}

}  // namespace

void set_log_program(std::string_view program) {
    program_name = program;
}
void set_log_level(LogLevel level) {
    threshold.store(level, std::memory_order_relaxed);
}
LogLevel log_level() {
    return threshold.load(std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    if (level < log_level()) return;
    std::string line;
    line.reserve(160);
    line += program_name;
    line += ": level=";
    line += name_of(level);
    line += " event=";
    line += event;
    for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_value(line, field.value);
    }
    line += '\n';
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace warren
