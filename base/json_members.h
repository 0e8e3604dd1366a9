// Members of a JSON object whose sender is not trusted: what is missing or of another type is nothing. A file that
// includes it has nlohmann's JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace warren {

[[nodiscard]] inline std::uint64_t number_of(const nlohmann::json& of, const char* name) {
    if (!of.is_object()) return 0;
    const auto found = of.find(name);
    return found != of.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

[[nodiscard]] inline std::string text_of(const nlohmann::json& of, const char* name) {
    if (!of.is_object()) return "";
    const auto found = of.find(name);
    return found != of.end() && found->is_string() ? found->get<std::string>() : "";
}

[[nodiscard]] inline bool flag_of(const nlohmann::json& of, const char* name) {
    if (!of.is_object()) return false;
    const auto found = of.find(name);
    return found != of.end() && found->is_boolean() && found->get<bool>();
}

[[nodiscard]] inline std::vector<std::string> texts_of(const nlohmann::json& of, const char* name) {
    std::vector<std::string> out;
    if (!of.is_object()) return out;
    const auto found = of.find(name);
    if (found == of.end() || !found->is_array()) return out;
    for (const nlohmann::json& one : *found) {
        if (one.is_string()) out.push_back(one.get<std::string>());
    }
    return out;
}

}  // namespace warren
