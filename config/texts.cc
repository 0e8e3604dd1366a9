#include "config/texts.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/fingerprint.h"
#include "config/customer_id.h"
#include "config/generation.h"

namespace warren::config {

namespace {

constexpr std::string_view kForm = "warren-configuration 1";
constexpr std::string_view kAppliance = "warren.toml";
constexpr std::string_view kEnd = "end ";

std::string checksum_of(std::string_view text) {
    return fingerprint(as_bytes(text));
}

std::string_view major_of(std::string_view version) {
    return version.substr(0, version.find('.'));
}

void append(std::string_view name, std::string_view text, std::string& out) {
    out += fmt::format("{} {}\n{}\n", name, text.size(), text);
}

// Up to `end`, which is taken too; nothing when it is not there.
std::optional<std::string_view> take(std::string_view& left, char end) {
    const auto at = left.find(end);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view out = left.substr(0, at);
    left.remove_prefix(at + 1);
    return out;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
    Number out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

// One file: "NAME SIZE\n", the text, "\n".
bool take_file(std::string_view& left, Texts& out) {
    const auto name = take(left, ' ');
    const auto line = name ? take(left, '\n') : std::nullopt;
    const auto size = line ? number_of<std::size_t>(*line) : std::nullopt;
    if (!size || *size >= left.size() || left[*size] != '\n') return false;
    const std::string text(left.substr(0, *size));
    left.remove_prefix(*size + 1);
    if (*name == kAppliance) {
        out.appliance = text;
        return true;
    }
    std::string id = customer_of_file(*name);
    return !id.empty() && out.customers.emplace(std::move(id), text).second;
}

}  // namespace

Texts texts_of(const Generation& generation) {
    Texts out{generation.text, {}};
    for (const auto& accepted : generation.customers) out.customers.emplace(accepted->customer.id, accepted->text);
    return out;
}

std::string pack(const Texts& texts, std::string_view version, WallTime now) {
    std::string out = fmt::format("{} {} {}\n", kForm, version, now.nanoseconds);
    append(kAppliance, texts.appliance, out);
    for (const auto& [id, text] : texts.customers) append(customer_file(id), text, out);
    return out + fmt::format("{}{}\n", kEnd, checksum_of(out));
}

Result<PackedTexts> unpack(std::string_view packed, std::string_view version) {
    std::string_view left = packed;
    const auto first = take(left, '\n');
    if (!first || !first->starts_with(kForm) || first->size() <= kForm.size() || (*first)[kForm.size()] != ' ')
        return fail(ErrorCode::kInvalid, "it has another form");
    std::string_view rest = first->substr(kForm.size() + 1);
    const auto writer = take(rest, ' ');
    const auto written = number_of<std::int64_t>(rest);
    if (!writer || !written) return fail(ErrorCode::kInvalid, "it is damaged");
    if (major_of(*writer) != major_of(version))
        return fail(ErrorCode::kInvalid, fmt::format("it was written by version {}", *writer));
    const std::size_t end_size = kEnd.size() + checksum_of({}).size() + 1;
    if (left.size() < end_size) return fail(ErrorCode::kInvalid, "it is damaged");
    const std::string_view all = packed.substr(0, packed.size() - end_size);
    if (packed.substr(all.size()) != fmt::format("{}{}\n", kEnd, checksum_of(all)))
        return fail(ErrorCode::kInvalid, "it is damaged");
    left.remove_suffix(end_size);
    PackedTexts out{{}, {*written}};
    while (!left.empty()) {
        if (!take_file(left, out.texts)) return fail(ErrorCode::kInvalid, "it is damaged");
    }
    return out;
}

}  // namespace warren::config
