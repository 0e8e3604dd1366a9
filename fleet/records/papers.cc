#include "fleet/records/papers.h"

#include "fleet/records/base64.h"
#include "fleet/records/records.h"
#include "fleet/records/wire.h"

namespace warren::fleet {

namespace {

using wire::json;

constexpr std::string_view kRoster = "roster";
constexpr std::string_view kCertificates = "certificates";

}  // namespace

bool is_paper_key(std::string_view key) {
    if (key == kRoster) return true;
    return key.starts_with(kCertificates) && key.size() > kCertificates.size() && key[kCertificates.size()] == '/' &&
           is_node_name(key.substr(kCertificates.size() + 1));
}

std::string papers_request() {
    const json roster{{"key", to_base64(std::string(kPrefix) + std::string(kRoster))}};
    return json{{"success", json::array({{{"request_range", roster}},
                                         {{"request_range", wire::range_of(wire::key_of(kCertificates, ""))}}})}}
        .dump();
}

Result<std::vector<Paper>> parse_papers(const std::string& body) {
    const json answer = wire::parse(body);
    const json* responses = wire::member(answer, "responses");
    if (wire::revision_of(answer) == 0 || responses == nullptr || !responses->is_array() || responses->size() != 2)
        return fail(ErrorCode::kInvalid, "etcd's answer to a read has another form");
    std::vector<Paper> out;
    for (const json& response : *responses) {
        for (wire::KeyValue& pair : wire::all_of(wire::member(response, "response_range"))) {
            if (is_paper_key(pair.key) && pair.text.size() <= kMostPaper && out.size() < kMostPapers)
                out.push_back({std::move(pair.key), pair.changed, std::move(pair.text)});
        }
    }
    return out;
}

std::string paper_request(const std::string& key, Revision changed, const std::optional<std::string>& text) {
    const std::string full = std::string(kPrefix) + key;
    const json done = text ? wire::put_text(full, *text) : json{{"request_delete_range", {{"key", to_base64(full)}}}};
    return json{{"compare", json::array({wire::compare(full, changed)})}, {"success", json::array({done})}}.dump();
}

}  // namespace warren::fleet
