#include "config/emulation_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "config/document.h"
#include "config/rate.h"
#include "config/read.h"

namespace warren::config {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t microseconds;
};
// The largest first.
constexpr Unit kUnits[] = {{"s", 1'000'000}, {"ms", 1'000}, {"us", 1}};
constexpr std::size_t kMostDigits = 8;  // of microseconds in kMostDelay
constexpr std::size_t kMostDecimals = 4;
constexpr std::uint32_t kOnePercent = kWholePart / 100;

bool is_digits(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::uint64_t number_of(std::string_view digits) {
    std::uint64_t out = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return out;
}

void read_part(const Node* node, std::uint32_t& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_part(node->text).value_or(to);
}

void read_delay(const Node* node, std::chrono::microseconds& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_delay(node->text).value_or(to);
}

void read_rate(const Node* node, std::uint64_t& to) {
    std::optional<std::uint64_t> rate;
    read(node, rate);
    to = rate.value_or(0);
}

}  // namespace

// Found by argument-dependent lookup from the templates of config/read.h, hence not in an anonymous namespace.

static void read(const Node* node, LinkEmulation& to) {
    if (node == nullptr) return;
    read_delay(node->find("delay"), to.delay);
    read_delay(node->find("jitter"), to.jitter);
    read_part(node->find("loss"), to.loss);
    read_part(node->find("reorder"), to.reorder);
    read_part(node->find("duplicate"), to.duplicate);
    read_rate(node->find("rate"), to.rate);
}

void read(const Node* node, Emulation& to) {
    read(node->find("up"), to.up);
    read(node->find("down"), to.down);
}

void flatten(const Emulation& emulation, std::map<std::string, std::string>& out) {
    if (const std::string up = summary_of(emulation.up); !up.empty()) out["traffic.emulate.up"] = up;
    if (const std::string down = summary_of(emulation.down); !down.empty()) out["traffic.emulate.down"] = down;
}

std::string summary_of(const LinkEmulation& emulation) {
    std::vector<std::string> parts;
    if (emulation.delay.count() != 0) {
        const std::string jitter = emulation.jitter.count() == 0 ? "" : " +- " + delay_text(emulation.jitter);
        parts.push_back("delay " + delay_text(emulation.delay) + jitter);
    }
    if (emulation.loss != 0) parts.push_back("loss " + part_text(emulation.loss));
    if (emulation.reorder != 0) parts.push_back("reorder " + part_text(emulation.reorder));
    if (emulation.duplicate != 0) parts.push_back("duplicate " + part_text(emulation.duplicate));
    if (emulation.rate != 0) parts.push_back("rate " + rate_text(emulation.rate));
    return fmt::to_string(fmt::join(parts, ", "));
}

std::optional<std::uint32_t> parse_part(std::string_view text) {
    if (!text.ends_with('%')) return std::nullopt;
    text.remove_suffix(1);
    if (text.ends_with(' ')) text.remove_suffix(1);
    const auto point = text.find('.');
    const bool has_decimals = point != std::string_view::npos;
    const std::string_view whole = text.substr(0, point);
    const std::string_view decimals = has_decimals ? text.substr(point + 1) : std::string_view();
    if (whole.empty() || whole.size() > 3 || decimals.size() > kMostDecimals || (has_decimals && decimals.empty()))
        return std::nullopt;
    std::string digits(whole);
    digits += decimals;
    digits.append(kMostDecimals - decimals.size(), '0');
    if (!is_digits(digits)) return std::nullopt;
    const std::uint64_t millionths = number_of(digits);
    if (millionths > kWholePart) return std::nullopt;
    return static_cast<std::uint32_t>(millionths);
}

std::string part_text(std::uint32_t millionths) {
    std::string out = fmt::to_string(millionths / kOnePercent);
    if (const std::uint32_t rest = millionths % kOnePercent; rest != 0) {
        out += fmt::format(".{:04}", rest);
        out.erase(out.find_last_not_of('0') + 1);
    }
    return out + " %";
}

std::optional<std::chrono::microseconds> parse_delay(std::string_view text) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > kMostDigits) return std::nullopt;
    std::string_view name = text.substr(digits);
    if (name.starts_with(' ')) name.remove_prefix(1);
    const auto* const unit =
        std::find_if(std::begin(kUnits), std::end(kUnits), [name](const Unit& one) { return one.name == name; });
    if (unit == std::end(kUnits)) return std::nullopt;
    const std::chrono::microseconds out(static_cast<std::int64_t>(number_of(text.substr(0, digits))) *
                                        unit->microseconds);
    if (out > kMostDelay) return std::nullopt;
    return out;
}

std::string delay_text(std::chrono::microseconds delay) {
    const auto* const unit = std::find_if(std::begin(kUnits), std::end(kUnits), [delay](const Unit& one) {
        return delay.count() >= one.microseconds && delay.count() % one.microseconds == 0;
    });
    const Unit& used = unit == std::end(kUnits) ? kUnits[1] : *unit;  // "0 ms"
    return fmt::format("{} {}", delay.count() / used.microseconds, used.name);
}

}  // namespace warren::config
