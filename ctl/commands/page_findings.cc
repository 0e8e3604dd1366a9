#include "ctl/commands/page_findings.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/printable.h"
#include "base/utc_text.h"
#include "ctl/ask/page_client.h"

namespace warren::ctl {

namespace {

using health::Kind;

constexpr std::array kOfStatusd{Kind::kUsersFileInvalid, Kind::kCertificateExpiring, Kind::kCustomerDown};
constexpr std::size_t kMost = 64;
constexpr std::size_t kLongestSentence = 1024;
constexpr int kPatienceSeconds = 1;

std::string text_in(const nlohmann::json& row, const char* key) {
    const auto found = row.find(key);
    if (found == row.end() || !found->is_string()) return {};
    return printable(found->get_ref<const std::string&>().substr(0, kLongestSentence));
}

std::optional<Kind> kind_in(const nlohmann::json& row) {
    const std::string name = text_in(row, "kind");
    const auto* const found =
        std::find_if(kOfStatusd.begin(), kOfStatusd.end(), [&](Kind kind) { return health::name_of(kind) == name; });
    return found == kOfStatusd.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::vector<health::Finding> parse_page_findings(std::string_view body, const std::string& customer) {
    std::vector<health::Finding> out;
    const auto document = nlohmann::json::parse(body, nullptr, false);
    const auto alarms = document.is_object() ? document.find("alarms") : document.end();
    if (alarms == document.end() || !alarms->is_array()) return out;
    for (const auto& row : *alarms) {
        const auto kind = row.is_object() ? kind_in(row) : std::nullopt;
        if (!kind || out.size() == kMost) continue;
        health::Finding finding{*kind,
                                text_in(row, "severity") == "critical",
                                {},
                                text_in(row, "customer"),
                                text_in(row, "sentence"),
                                text_in(row, "what_to_do")};
        finding.since = parse_utc(text_in(row, "since")).value_or(WallTime{});
        if (customer.empty() || finding.customer.empty() || finding.customer == customer)
            out.push_back(std::move(finding));
    }
    return out;
}

std::vector<health::Finding> page_findings(const std::string& run_dir, const std::string& customer) {
    const auto body = ask_page(run_dir, "/api/v1/overview", kPatienceSeconds);
    return body ? parse_page_findings(*body, customer) : std::vector<health::Finding>();
}

}  // namespace warren::ctl
