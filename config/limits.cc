#include "config/limits.h"

#include "config/document.h"
#include "config/quantity.h"
#include "config/rate.h"
#include "config/read.h"

namespace warren::config {

namespace {
constexpr std::string_view kPerMonth = "/month";
}  // namespace

std::optional<std::uint64_t> parse_quota(std::string_view text) {
    if (!text.ends_with(kPerMonth)) return std::nullopt;
    text.remove_suffix(kPerMonth.size());
    if (text.ends_with(' ')) text.remove_suffix(1);
    const auto bytes = parse_size(text);
    return bytes == 0 ? std::nullopt : bytes;
}

std::string quota_text(std::uint64_t bytes) {
    return size_text(bytes) + std::string(kPerMonth);
}

std::optional<std::uint64_t> parse_after_quota(std::string_view text) {
    if (text == "drop") return 0;
    return parse_rate(text);
}

static void read_quota(const Node* node, std::optional<std::uint64_t>& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_quota(node->text);
}

static void read_after_quota(const Node* node, std::optional<std::uint64_t>& to) {
    if (node == nullptr || node->kind != Node::Kind::kString) return;
    const auto rate = parse_after_quota(node->text);
    if (rate && *rate != 0) to = rate;
}

void read(const Node* table, Limits& to) {
    if (table == nullptr) return;
    read(table->find("rate_up"), to.rate_up);
    read(table->find("rate_down"), to.rate_down);
    read_quota(table->find("quota"), to.quota);
    read_after_quota(table->find("after_quota"), to.after_quota);
}

void flatten(const Limits& limits, const std::string& at, std::map<std::string, std::string>& out) {
    if (limits.rate_up) out[at + "rate_up"] = rate_text(*limits.rate_up);
    if (limits.rate_down) out[at + "rate_down"] = rate_text(*limits.rate_down);
    if (limits.quota) out[at + "quota"] = quota_text(*limits.quota);
    if (limits.after_quota) out[at + "after_quota"] = rate_text(*limits.after_quota);
}

}  // namespace warren::config
