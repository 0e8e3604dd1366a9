#include "ctl/show/past_views.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "ctl/show/table.h"

namespace warren::ctl {

namespace {

std::string text_of(const Json& row, const char* key) {
    return row.contains(key) && row[key].is_string() ? row[key].get<std::string>() : std::string();
}

// "2026-11-29T14:38:02Z" -> "2026-11-29 14:38:02Z"
std::string time_of(const Json& row, const char* key) {
    std::string out = text_of(row, key);
    if (out.size() > 10) out[10] = ' ';
    return out;
}

std::string name_of(const Json& row) {
    const std::string peer = text_of(row, "peer");
    return peer.empty() ? text_of(row, "connection") : peer;
}

std::string or_dash(std::string text) {
    return text.empty() ? "-" : std::move(text);
}

std::string detail_of(const Json& row) {
    const std::string reason = text_of(row, "reason");
    const std::string from = text_of(row, "from");
    const std::string to = text_of(row, "to");
    std::string out = from.empty() || to.empty() ? from + to : from + " -> " + to;
    if (!reason.empty()) out += (out.empty() ? "" : ", ") + reason;
    if (row.value("disowned", false)) out += out.empty() ? "(of a former customer)" : " (of a former customer)";
    return out;
}

}  // namespace

std::string length_text(std::int64_t seconds) {
    constexpr std::array<std::pair<std::int64_t, const char*>, 4> kUnits{
        {{86'400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}};
    std::string out;
    int parts = 0;
    for (const auto& [size, name] : kUnits) {
        const std::int64_t count = seconds / size;
        if (count > 0) out += fmt::format("{}{} {}", out.empty() ? "" : " ", count, name);
        if (count > 0 || parts > 0) ++parts;
        seconds %= size;
        if (parts == 2) break;
    }
    return out.empty() ? "0 s" : out;
}

std::string events_text(const Json& events) {
    Table table({{"TIME"}, {"CUSTOMER"}, {"PEER"}, {"EVENT"}, {"DETAIL"}});
    for (auto row = events.rbegin(); row != events.rend(); ++row)
        table.add({time_of(*row, "at"), or_dash(text_of(*row, "customer")), or_dash(name_of(*row)),
                   text_of(*row, "kind"), detail_of(*row)});
    return table.empty() ? std::string() : table.text();
}

std::string outages_text(const Json& outages) {
    Table table({{"BEGAN"}, {"ENDED"}, {"LENGTH", Align::kRight}, {"CUSTOMER"}, {"PEER"}, {"CAUSE"}});
    for (const Json& row : outages) {
        std::string cause = text_of(row, "cause");
        if (row.value("removed", false)) cause += ", then removed";
        table.add({time_of(row, "began"), row.at("ended").is_null() ? "still" : time_of(row, "ended"),
                   length_text(row.value("seconds", std::int64_t{0})), or_dash(text_of(row, "customer")),
                   or_dash(name_of(row)), std::move(cause)});
    }
    return table.empty() ? std::string() : table.text();
}

std::string found_text(const Json& found) {
    Table table({{"CUSTOMER"}, {"WHAT"}, {"NAME"}, {"STATE"}, {"MATCHES"}});
    for (const Json& row : found)
        table.add({text_of(row, "customer"), text_of(row, "kind"), text_of(row, "name"), text_of(row, "state"),
                   text_of(row, "matched") + " " + text_of(row, "text")});
    return table.empty() ? std::string() : table.text();
}

std::string rate_text(double bits_per_second) {
    for (const auto& [size, name] : {std::pair{1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}}) {
        if (bits_per_second >= size) return fmt::format("{:.1f} {}", bits_per_second / size, name);
    }
    return fmt::format("{:.0f} bit/s", bits_per_second);
}

std::string top_text(const Json& answer) {
    Table customers({{"CUSTOMER"}, {"RECEIVES", Align::kRight}, {"SENDS", Align::kRight}});
    Table peers({{"CUSTOMER"}, {"PEER"}, {"RECEIVES", Align::kRight}, {"SENDS", Align::kRight}});
    const auto rate = [](const Json& row, const char* key) { return rate_text(row.at("rates").value(key, 0.0)); };
    for (const Json& row : answer["customers"])
        customers.add({text_of(row, "customer"), rate(row, "rx_bits_per_second"), rate(row, "tx_bits_per_second")});
    for (const Json& row : answer["peers"])
        peers.add(
            {text_of(row, "customer"), name_of(row), rate(row, "rx_bits_per_second"), rate(row, "tx_bits_per_second")});
    if (customers.empty()) return "nobody has traffic\n";
    return customers.text() + (peers.empty() ? "" : "\n" + peers.text());
}

}  // namespace warren::ctl
