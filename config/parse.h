// Text -> structs, each file by itself. All errors of a file at once, but syntax errors (the first ends the reading).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/appliance.h"
#include "config/customer.h"
#include "config/customer_id.h"
#include "config/document.h"
#include "config/read.h"

namespace warren::config {

// A file's value with the text it came from. When `valid` is false the value holds what could be read and must not be
// used.
template <typename T>
struct Parsed {
    T value;
    Source source;
    bool valid = false;
};

// `file` is the name used in diagnostics, which are appended to `out`.
[[nodiscard]] Parsed<Appliance> parse_appliance(std::string file, std::string text, std::vector<Diagnostic>& out);
[[nodiscard]] Parsed<Customer> parse_customer(std::string file, std::string id, std::string text,
                                              std::vector<Diagnostic>& out);

// A relative path below secrets/ without empty, "." and ".." parts.
[[nodiscard]] bool is_secret_name(std::string_view text);

}  // namespace warren::config
