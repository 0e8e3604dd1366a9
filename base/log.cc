#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/log_sink.h"
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

std::string head_of(LogLevel level, std::string_view event) {
    std::string line;
    line.reserve(160);
    line += program_name;
    line += ": level=";
    line += name_of(level);
    line += " event=";
    line += event;
    return line;
}

LogSink& sink() {
    static LogSink standard_error(STDERR_FILENO, [](std::uint64_t lines) {
        return head_of(LogLevel::kWarn, "log_lines_lost") + " lines=" + std::to_string(lines) + "\n";
    });
    return standard_error;
}

}  // namespace

void set_log_program(std::string_view program) {
    program_name = program;
    sink().detach();
}
void set_log_level(LogLevel level) {
    threshold.store(level, std::memory_order_relaxed);
}
LogLevel log_level() {
    return threshold.load(std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    if (level < log_level()) return;
    std::string line = head_of(level, event);
    for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_value(line, field.value);
    }
    line += '\n';
    sink().put(std::move(line));
}

void log_text(std::string text) {
    if (!text.ends_with('\n')) text += '\n';
    sink().put(std::move(text));
}

void flush_log() {
    sink().flush();
}

bool log_has_waiting() {
    return sink().has_waiting();
}

}  // namespace warren
