// What is wrong with a configuration, so that a person can correct it: where, what was found, what is accepted.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace warren::config {

enum class Severity { kError, kWarning };

// A stretch of one line. Lines and columns count from 1; columns count characters, not bytes.
struct Place {
    unsigned line = 1;
    unsigned column = 1;
    unsigned width = 0;  // characters to underline; 0: none are known, no source line is shown
    auto operator<=>(const Place&) const = default;
};

struct Diagnostic {
    Severity severity = Severity::kError;
    std::string file;      // as the operator would name it
    std::string customer;  // the id, "" when it concerns the appliance
    Place place;
    std::string message;
    std::string source_line;  // the line of the file, or a part of it, possible keys masked; may be empty
    int first_column = 1;     // of source_line in that line
    bool operator==(const Diagnostic&) const = default;
};

// "file:line:column: error: message", then the source line and a caret where there is one; ends without a newline.
[[nodiscard]] std::string format(const Diagnostic& diagnostic);

// By file, line, column; errors before warnings in the same place. Drops exact repetitions.
void sort(std::vector<Diagnostic>& diagnostics);

[[nodiscard]] bool has_errors(const std::vector<Diagnostic>& diagnostics);

// Cuts a long line around the caret, with "..." where something is left out.
void cut_source_line(Diagnostic& diagnostic);

// The line with whatever looks like a base64 key replaced by asterisks, unless it is the value of public_key.
// A private key typed into the wrong file must not end up in a log.
[[nodiscard]] std::string mask_keys(std::string_view line);

}  // namespace warren::config
