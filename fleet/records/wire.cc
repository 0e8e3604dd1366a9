#include "fleet/records/wire.h"

#include <charconv>
#include <utility>

#include "fleet/records/base64.h"
#include "fleet/records/records.h"

namespace warren::fleet::wire {

std::string key_of(std::string_view kind, std::string_view name) {
    return std::string(kPrefix) + std::string(kind) + "/" + std::string(name);
}

std::string end_of(std::string prefix) {
    ++prefix.back();
    return prefix;
}

json compare(const std::string& key, Revision changed) {
    return {{"target", "MOD"}, {"result", "EQUAL"}, {"key", to_base64(key)}, {"mod_revision", std::to_string(changed)}};
}

json put_text(const std::string& key, const std::string& value) {
    return {{"request_put", {{"key", to_base64(key)}, {"value", to_base64(value)}}}};
}

json put(const std::string& key, const json& value) {
    return put_text(key, value.dump());
}

json range_of(const std::string& prefix) {
    return {{"key", to_base64(prefix)}, {"range_end", to_base64(end_of(prefix))}};
}

json parse(const std::string& text) {
    return json::parse(text, nullptr, false);
}

const json* member(const json& of, const char* name) {
    if (!of.is_object()) return nullptr;
    const auto found = of.find(name);
    return found == of.end() ? nullptr : &*found;
}

std::uint64_t number(const json* value) {
    if (value == nullptr) return 0;
    if (value->is_number_unsigned()) return value->get<std::uint64_t>();
    if (!value->is_string()) return 0;
    const auto& text = value->get_ref<const std::string&>();
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size() ? out : 0;
}

std::optional<std::string> text(const json* value) {
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return value->get<std::string>();
}

bool flag(const json& of, const char* name, bool otherwise) {
    const json* value = member(of, name);
    return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
}

std::optional<std::string> bytes(const json* value) {
    const auto encoded = text(value);
    return encoded ? from_base64(*encoded) : std::nullopt;
}

Revision revision_of(const json& answer) {
    const json* header = member(answer, "header");
    return header == nullptr ? 0 : number(member(*header, "revision"));
}

std::optional<KeyValue> key_value_of(const json& from) {
    auto key = bytes(member(from, "key"));
    if (!key || !key->starts_with(kPrefix)) return std::nullopt;
    return KeyValue{key->substr(kPrefix.size()), bytes(member(from, "value")).value_or(""),
                    number(member(from, "mod_revision"))};
}

std::optional<std::string> name_of(const std::string& key, std::string_view kind) {
    if (!key.starts_with(kind) || key.size() <= kind.size() || key[kind.size()] != '/') return std::nullopt;
    return key.substr(kind.size() + 1);
}

std::vector<KeyValue> all_of(const json* range) {
    std::vector<KeyValue> out;
    const json* list = range == nullptr ? nullptr : member(*range, "kvs");
    if (list == nullptr || !list->is_array()) return out;
    for (const json& one : *list) {
        if (auto pair = key_value_of(one)) out.push_back(std::move(*pair));
    }
    return out;
}

}  // namespace warren::fleet::wire
