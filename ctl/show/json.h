// What the documents of `--json` share.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace warren::ctl {

using Json = nlohmann::ordered_json;

[[nodiscard]] inline std::string dump(const Json& document) {
    // A name that is no UTF-8 must not make the whole document fail.
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

template <typename T>
[[nodiscard]] Json texts_of(const std::vector<T>& things) {
    Json out = Json::array();
    for (const T& thing : things) out.push_back(to_string(thing));
    return out;
}

// null for "".
[[nodiscard]] inline Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

// null for nothing.
template <typename T>
[[nodiscard]] Json number_or_null(const std::optional<T>& number) {
    return number ? Json(*number) : Json();
}

}  // namespace warren::ctl
