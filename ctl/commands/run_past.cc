// events, outages
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/clock.h"
#include "base/utc_text.h"
#include "config/parse.h"
#include "ctl/ask/page_client.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/commands/page_answers.h"
#include "ctl/option_table.h"
#include "ctl/runners.h"
#include "ctl/show/json.h"
#include "ctl/show/past_views.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kPage = 500;  // rows of one answer, at most
constexpr std::size_t kMostRows = 100'000;
constexpr std::size_t kRows = 100;  // without a time

std::string customer_of(const Invocation& invocation) {
    return invocation.arguments.empty() ? "" : invocation.arguments[0];
}

// "": fine.
std::string problem_of(const Invocation& invocation) {
    const std::string customer = customer_of(invocation);
    if (!customer.empty() && !config::is_customer_id(customer))
        return fmt::format("\"{}\" is no customer's id", customer);
    for (const auto& [name, text] : {std::pair{"--since", invocation.past.since}, {"--until", invocation.past.until}}) {
        if (!text.empty() && !past_time(text, read_wall_clock()))
            return fmt::format(
                "{} \"{}\": accepted are 2026-11-29, \"2026-11-29 14:30\" (UTC) and 90s, 15m, 3h, 2d, 1w "
                "ago",
                name, text);
    }
    return {};
}

std::string time_parameter(const std::string& text) {
    const auto at = text.empty() ? std::nullopt : past_time(text, read_wall_clock());
    return at ? utc_text(*at) : std::string();
}

}  // namespace

std::optional<WallTime> past_time(std::string_view text, WallTime at) {
    if (const auto moment = parse_utc(text)) return moment;
    std::int64_t count = 0;
    const auto [unit, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || unit + 1 != text.data() + text.size() || count < 0 || count > 100'000)
        return std::nullopt;
    constexpr std::pair<char, std::int64_t> kUnits[] = {
        {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86'400}, {'w', 604'800}};
    const auto* const found = std::find_if(std::begin(kUnits), std::end(kUnits),
                                           [unit = *unit](const auto& one) { return one.first == unit; });
    if (found == std::end(kUnits)) return std::nullopt;
    return WallTime{at.nanoseconds - count * found->second * 1'000'000'000};
}

int complain_of_page(const Error& error, const std::string& customer, Output& output) {
    if (error.code == ErrorCode::kUnavailable) return complain(output, kUnreachable, error.what);
    if (error.code == ErrorCode::kNotFound)
        return complain(output, kFailed, fmt::format("nothing is known of a customer {}", customer));
    return complain(output, kFailed, error.what);
}

int complain_of_form(Output& output) {
    return complain(output, kFailed, "statusd answers in another form; is it of another version?");
}

int show_answer(Output& output, const std::function<int()>& show) {
    try {
        return show();
    } catch (const nlohmann::json::exception&) {
        return complain_of_form(output);
    }
}

namespace {

// What nobody has, of vpnd's peers and connections, and that is why there is nothing to show; "": it is there, or vpnd
// cannot be asked.
std::string missing_peer(const Invocation& invocation, const std::string& customer) {
    const std::string& name = invocation.past.peer;
    if (name.empty()) return {};
    const auto snapshot = fetch_snapshot(invocation.run_dir, {customer, true});
    if (!snapshot) return {};
    for (const CustomerStatus& each : snapshot->customers) {
        const bool has_peer = std::any_of(each.peers.begin(), each.peers.end(),
                                          [&name](const auto& one) { return one.settings.name == name; });
        const bool has_connection =
            std::any_of(each.connections.begin(), each.connections.end(),
                        [&name](const auto& one) { return one.connection.settings.name == name; });
        if (has_peer || has_connection) return {};
    }
    return customer.empty() ? fmt::format("no customer has a peer or connection {}", name)
                            : fmt::format("{} has no peer or connection {}", customer, name);
}

// statusd knows the kinds; here they are for completion as well.
std::string kinds() {
    for (const OptionRow& row : option_rows()) {
        if (row.long_name() != "kind") continue;
        std::string out(row.choices);
        for (auto at = out.find(' '); at != std::string::npos; at = out.find(' ', at + 2)) out.replace(at, 1, ", ");
        return out;
    }
    return {};
}

int show_events(const Invocation& invocation, Output& output) {
    if (const std::string problem = problem_of(invocation); !problem.empty()) return complain(output, kUsage, problem);
    const PastOptions& past = invocation.past;
    const std::string customer = customer_of(invocation);
    // Without a time or a number, as much as fits on a screen or two.
    const bool is_bounded = past.count || (past.since.empty() && past.until.empty());
    const std::size_t most = past.count.value_or(is_bounded ? kRows : kMostRows);
    Json rows = Json::array();
    std::uint64_t before = UINT64_MAX;
    bool has_more = true;
    while (has_more && rows.size() < most) {
        const auto body =
            ask_page(invocation.run_dir,
                     page_target("/api/v1/events", {{"customer", customer},
                                                    {"peer", past.peer},
                                                    {"kind", past.kind},
                                                    {"since", time_parameter(past.since)},
                                                    {"until", time_parameter(past.until)},
                                                    {"before", before == UINT64_MAX ? "" : std::to_string(before)},
                                                    {"limit", std::to_string(std::min(kPage, most - rows.size()))}}));
        if (!body && body.error().code == ErrorCode::kInvalid && body.error().what.starts_with("kind: "))
            return complain(output, kUsage,
                            fmt::format("--kind: there is no \"{}\"; accepted: {}", past.kind, kinds()));
        if (!body) return complain_of_page(body.error(), customer, output);
        const Json page = Json::parse(*body, nullptr, false);
        for (const Json& row : page.at("items").get_ref<const Json::array_t&>()) rows.push_back(row);
        has_more = !page.at("next_before").is_null();
        if (!has_more) break;
        // Always older ones: else it would go on for ever.
        const auto next = page.at("next_before").get<std::uint64_t>();
        if (next >= before) return complain_of_form(output);
        before = next;
    }
    if (rows.empty()) {
        if (const std::string missing = missing_peer(invocation, customer); !missing.empty())
            return complain(output, kFailed, missing);
    }
    output.out << (invocation.json ? dump({{"events", rows}, {"has_more", has_more}}) : events_text(rows));
    if (has_more && !is_bounded && !invocation.json)
        output.err << fmt::format("vpnctl: these are the latest {}; --until chooses older ones\n", rows.size());
    return kDone;
}

int show_outages(const Invocation& invocation, Output& output) {
    if (const std::string problem = problem_of(invocation); !problem.empty()) return complain(output, kUsage, problem);
    const PastOptions& past = invocation.past;
    const std::string customer = customer_of(invocation);
    const std::string path = customer.empty() ? "/api/v1/outages" : "/api/v1/customers/" + customer + "/outages";
    const std::size_t most = std::min(past.count.value_or(kPage), kPage);
    const auto body = ask_page(invocation.run_dir, page_target(path, {{"name", past.peer},
                                                                      {"since", time_parameter(past.since)},
                                                                      {"until", time_parameter(past.until)},
                                                                      {"limit", std::to_string(most)}}));
    if (!body) return complain_of_page(body.error(), customer, output);
    const Json answer = Json::parse(*body, nullptr, false);
    if (answer.at("items").get_ref<const Json::array_t&>().empty()) {
        if (const std::string missing = missing_peer(invocation, customer); !missing.empty())
            return complain(output, kFailed, missing);
    }
    if (invocation.json) {
        output.out << dump({{"outages", answer["items"]}, {"has_more", answer.value("has_more", false)}});
        return kDone;
    }
    output.out << outages_text(answer["items"]);
    if (answer.value("has_more", false)) output.err << "vpnctl: there are more; --until and --since choose which\n";
    return kDone;
}

}  // namespace

int run_events(const Invocation& invocation, Output& output) {
    return show_answer(output, [&] { return show_events(invocation, output); });
}

int run_outages(const Invocation& invocation, Output& output) {
    return show_answer(output, [&] { return show_outages(invocation, output); });
}

}  // namespace warren::ctl
