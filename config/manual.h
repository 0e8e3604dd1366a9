// The schema in words: for `vpnctl explain KEY` and docs/config.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/schema.h"

namespace warren::config {

// "warren.toml", "customers/ID.toml"
[[nodiscard]] std::string_view file_of(Document document);

// All keys of this path in both documents; "[]" may be left out. The whole schema for "".
[[nodiscard]] std::vector<const Key*> keys_matching(std::string_view path);
// The path of a known key that was probably meant; "" when nothing is near.
[[nodiscard]] std::string suggest_path(std::string_view path);

// One key, some lines of text; a table is followed by the names of its keys.
[[nodiscard]] std::string explain(const Key& key);

// docs/config.md, whole.
[[nodiscard]] std::string manual_markdown();

// The keys of one file for its man page, in scdoc(5).
[[nodiscard]] std::string manual_scdoc(Document document);

}  // namespace warren::config
