#include "ctl/show/usage_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <ratio>

#include "base/utc_text.h"
#include "ctl/show/json.h"
#include "ctl/show/table.h"
#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

std::uint64_t left_of(const UsageRecord& record) {
    return record.quota - std::min(record.quota, record.bytes());
}

Json entry_of(const UsageRecord& record) {
    Json out;
    if (record.closed != 0) out["removed_at"] = record.closed;
    out["rx_bytes"] = record.rx_bytes;
    out["tx_bytes"] = record.tx_bytes;
    out["bytes"] = record.bytes();
    out["quota_bytes"] = record.quota == 0 ? Json() : Json(record.quota);
    out["left_bytes"] = record.quota == 0 ? Json() : Json(left_of(record));
    return out;
}

}  // namespace

std::string usage_text(Month month, const std::vector<UsageRecord>& records, bool with_peers) {
    Table table({{"CUSTOMER"},
                 {"PEER"},
                 {"RECEIVED", Align::kRight},
                 {"SENT", Align::kRight},
                 {"TOTAL", Align::kRight},
                 {"QUOTA", Align::kRight},
                 {"LEFT", Align::kRight}});
    for (const UsageRecord& record : records) {
        if (!with_peers && !record.peer.empty()) continue;
        const bool has_quota = record.quota != 0;
        table.add({record.closed == 0 ? record.customer : record.customer + " (removed)",
                   record.peer.empty() ? "all" : record.peer, bytes_text(record.rx_bytes), bytes_text(record.tx_bytes),
                   bytes_text(record.bytes()), has_quota ? bytes_text(record.quota) : "-",
                   has_quota ? bytes_text(left_of(record)) : "-"});
    }
    if (table.empty()) return fmt::format("{}: nothing was counted\n", month_text(month));
    return fmt::format("{} (UTC)\n\n{}", month_text(month), table.text());
}

std::string usage_json(Month month, const std::vector<UsageRecord>& records) {
    Json customers = Json::array();
    const UsageRecord* before = nullptr;
    for (const UsageRecord& record : records) {
        if (before == nullptr || before->customer != record.customer || before->closed != record.closed) {
            Json customer;
            customer["id"] = record.customer;
            customer["peers"] = Json::array();
            customers.push_back(std::move(customer));
        }
        before = &record;
        Json entry = entry_of(record);
        if (record.peer.empty()) {
            customers.back().update(entry);
        } else {
            Json peer;
            peer["name"] = record.peer;
            peer.update(entry);
            customers.back()["peers"].push_back(std::move(peer));
        }
    }
    Json out;
    out["month"] = month_text(month);
    out["customers"] = std::move(customers);
    return dump(out);
}

std::string usage_csv(Month month, const std::vector<UsageRecord>& records) {
    std::string out = "month,customer,peer,received_bytes,sent_bytes,total_bytes,quota_bytes,left_bytes,removed\n";
    for (const UsageRecord& record : records) {
        const bool has_quota = record.quota != 0;
        out += fmt::format(
            "{},{},{},{},{},{},{},{},{}\n", month_text(month), record.customer, record.peer, record.rx_bytes,
            record.tx_bytes, record.bytes(), has_quota ? fmt::to_string(record.quota) : "",
            has_quota ? fmt::to_string(left_of(record)) : "",
            record.closed != 0 ? utc_text({static_cast<std::int64_t>(record.closed) * std::nano::den}) : "");
    }
    return out;
}

}  // namespace warren::ctl
