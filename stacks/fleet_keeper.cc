#include "stacks/fleet_keeper.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/write_all.h"
#include "crypto/keys.h"
#include "stacks/fleet_addresses.h"

namespace warren::stacks {

namespace {

using Kind = ipc::ControlText::Kind;

constexpr std::uint8_t kAnswerIsNo = 1;
constexpr std::uint8_t kFailed = 4;
constexpr off_t kMostSeen = 16 * 1024 * 1024;         // of a file of fleetd
constexpr Duration kLongest = std::chrono::hours(1);  // that one request serves a group
constexpr const char* kNoteFile = "groups";

Report failed(std::string why) {
    return {{}, false, kFailed, std::move(why)};
}

std::string name_of(std::uint16_t group) {
    return "group " + std::to_string(group);
}

bool is_valid(const std::vector<IpAddress>& addresses) {
    if (addresses.empty() || addresses.size() > ipc::kMaxGroupAddresses) return false;
    if (addresses.size() == 2 && addresses[0].family == addresses[1].family) return false;
    return std::none_of(addresses.begin(), addresses.end(),
                        [](const IpAddress& address) { return address.is_unspecified(); });
}

std::string read_file(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat about {};
    if (!file.valid() || ::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode) || about.st_size > kMostSeen)
        return "";
    std::string text(static_cast<std::size_t>(about.st_size), '\0');
    const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
}

}  // namespace

Result<gid_t> find_group(const std::string& name) {
    const ::group* entry = ::getgrnam(name.c_str());
    if (entry == nullptr)
        return fail(ErrorCode::kNotFound, "there is no group " + name + " for fleetd; name another with --fleet-group");
    return entry->gr_gid;
}

SeenPeers parse_seen(const std::string& text, std::uint64_t epoch) {
    SeenPeers out;
    std::istringstream lines(text);
    std::string line;
    if (!std::getline(lines, line) || line != "epoch " + std::to_string(epoch)) return out;
    while (std::getline(lines, line)) {
        const std::size_t space = line.find(' ');
        if (space == std::string::npos) continue;
        const auto key = crypto::parse_public_key(std::string_view(line).substr(0, space));
        const auto endpoint = parse_endpoint(std::string_view(line).substr(space + 1));
        if (key && endpoint) out[PeerIdentity{key->bytes}] = *endpoint;
    }
    return out;
}

bool is_in_force(const std::string& base) {
    const auto document = nlohmann::json::parse(base, nullptr, false);
    const auto unapplied = document.is_object() ? document.find("unapplied") : document.end();
    return unapplied != document.end() && unapplied->is_array() && unapplied->empty();
}

Result<std::chrono::seconds> whole_seconds(Instant at, Instant until) {
    if (until <= at || until - at < std::chrono::seconds(1))
        return fail(ErrorCode::kInvalid, "less than a second is left until the deadline");
    if (until - at > kLongest) return fail(ErrorCode::kInvalid, "the deadline is more than an hour from now");
    return std::chrono::floor<std::chrono::seconds>(until - at);
}

Result<FleetKeeper> FleetKeeper::open(Options options) {
    auto device = ServiceDevice::open();
    if (!device) return tl::unexpected(device.error());
    auto server = ControlServer::listen(options.run_dir + "/fleet.sock", options.unix_group);
    if (!server) return tl::unexpected(server.error());
    return FleetKeeper(std::move(options), std::move(*server), std::move(*device));
}

Instant FleetKeeper::next_deadline() const {
    Instant next = retry_at_;
    for (const auto& [number, group] : groups_)
        next = std::min({next, group.until, group.begins != kLongAgo ? group.begins : kNever});
    return next;
}

// --- requests ------------------------------------------------------------------------------------

void FleetKeeper::serve_socket(Reconciler& reconciler, VpndLink& link) {
    const auto answer = [&](const ipc::ControlRequest& request, uid_t) { return handle(request, reconciler, link); };
    const auto generation = [&] { return reconciler.generation(); };
    if (server_.has_waiting()) {
        server_.serve_waiting(answer, generation);
    } else {
        server_.serve_one(answer, generation);
    }
}

void FleetKeeper::serve_while_busy(const Reconciler& reconciler) {
    server_.serve_one([&](const ipc::ControlRequest& request, uid_t) { return answer_now(request, reconciler); },
                      [&] { return reconciler.generation(); });
}

std::optional<Report> FleetKeeper::answer_now(const ipc::ControlRequest& request, const Reconciler& reconciler) {
    if (request.verb == ipc::ControlVerb::kGroupStatus) return status(reconciler);
    if (request.verb == ipc::ControlVerb::kGroupServe) return prolong(request);
    return std::nullopt;
}

Report FleetKeeper::handle(const ipc::ControlRequest& request, Reconciler& reconciler, VpndLink& link) {
    if (request.group >= config::kMostGroups) return failed("no such group: " + std::to_string(request.group));
    switch (request.verb) {
        case ipc::ControlVerb::kGroupServe: {
            if (auto longer = prolong(request)) return std::move(*longer);
            return begin(request);
        }
        case ipc::ControlVerb::kGroupStop: return stop(request.group, reconciler, link);
        case ipc::ControlVerb::kGroupStatus: return status(reconciler);
        case ipc::ControlVerb::kGroupPrepare: {
            const auto [customers, stacks] = reconciler.size_of(request.group);
            const std::string what = name_of(request.group) + ": " + std::to_string(stacks) + " of " +
                                     std::to_string(customers) + " stacks are made";
            return {reconciler.customers_of(request.group), true, stacks == customers ? std::uint8_t{0} : kAnswerIsNo,
                    what};
        }
        default: return failed("only requests about groups are served here");
    }
}

// A node that is about to take part has no customer yet. It would take a group and serve nobody.
bool FleetKeeper::has_configuration(const Reconciler& reconciler) const {
    return !groups_.empty() || reconciler.has_groups() ||
           is_in_force(read_file(options_.config.substr(0, options_.config.find_last_of('/')) + "/fleet.base"));
}

Report FleetKeeper::status(const Reconciler& reconciler) const {
    Report report;
    if (!has_configuration(reconciler)) report.exit_status = kAnswerIsNo;
    for (const auto& [number, group] : groups_) {
        std::string text = name_of(number) + " " + std::to_string(group.epoch);
        for (const IpAddress& address : group.addresses) text += " " + to_string(address);
        report.texts.push_back({Kind::kFact, "", text});
    }
    report.summary = std::to_string(groups_.size()) + " groups";
    return report;
}

// Nothing: it is not served with this epoch and these addresses.
std::optional<Report> FleetKeeper::prolong(const ipc::ControlRequest& request) {
    const auto found = groups_.find(request.group);
    if (found == groups_.end()) return std::nullopt;
    Group& group = found->second;
    if (request.epoch < group.epoch)
        return failed(name_of(request.group) + " is served with epoch " + std::to_string(group.epoch));
    if (request.addresses != group.addresses) return std::nullopt;
    const Instant until{static_cast<std::int64_t>(std::min<std::uint64_t>(request.until, INT64_MAX))};
    if (now() >= group.until) return std::nullopt;  // it is over, and run() ends it
    // A late one must not shorten it: then the addresses could outlive the deadline.
    if (until > group.until) {
        if (const Status put = put_addresses(group.addresses, until); !put) return failed(put.error().what);
        group.until = until;
    }
    group.epoch = request.epoch;
    epochs_[request.group] = request.epoch;
    return Report{{}, true, 0, name_of(request.group) + " is served"};
}

Report FleetKeeper::begin(const ipc::ControlRequest& request) {
    if (!is_valid(request.addresses)) return failed("a group has one or two addresses, of different families");
    // Whoever can ask is not root, and must not get this node to answer for any address that it names.
    const auto own = group_addresses(read_file(options_.config), request.group);
    if (!own) return failed(own.error().what);
    if (*own != request.addresses)
        return failed("fleet.toml has other addresses for " + name_of(request.group) + " than were asked for");
    if (request.epoch < epochs_[request.group])
        return failed(name_of(request.group) + " has had epoch " + std::to_string(epochs_[request.group]));
    if (const auto refused = refused_until_.find(request.group);
        refused != refused_until_.end() && now() < refused->second)
        return failed(name_of(request.group) + " could not be served a moment ago");
    if (groups_.contains(request.group)) return failed(name_of(request.group) + " is served otherwise; stop it first");
    const Instant until{static_cast<std::int64_t>(std::min<std::uint64_t>(request.until, INT64_MAX))};
    if (const Status put = put_addresses(request.addresses, until); !put) {
        remove_addresses(request.addresses);
        log(LogLevel::kError, "group_not_served",
            {{"group", std::to_string(request.group)}, {"reason", put.error().what}});
        return failed(put.error().what);
    }
    epochs_[request.group] = request.epoch;
    groups_[request.group] = {request.epoch, until, request.addresses, now() + kSettle,
                              take_seen(request.group, request.epoch)};
    note();
    log(LogLevel::kInfo, "group_begun",
        {{"group", std::to_string(request.group)}, {"epoch", std::to_string(request.epoch)}});
    return {{}, true, 0, name_of(request.group) + ": the address is there, the tunnels follow"};
}

Report FleetKeeper::stop(std::uint16_t number, Reconciler& reconciler, VpndLink& link) {
    const auto found = groups_.find(number);
    if (found == groups_.end() && !reconciler.served().contains(number))
        return {{}, true, 0, name_of(number) + " is not served"};
    if (found != groups_.end()) {
        remove_addresses(found->second.addresses);
        groups_.erase(found);
        note();
    }
    Report report = deliver(reconciler, link);
    log(LogLevel::kInfo, "group_stopped", {{"group", std::to_string(number)}, {"summary", report.summary}});
    report.summary = name_of(number) + " is not served any more: " + report.summary;
    return report;
}

// --- what is due ---------------------------------------------------------------------------------

void FleetKeeper::run(Reconciler& reconciler, VpndLink& link) {
    server_.drop_silent(read_instant_awake());
    const Instant at = now();
    std::vector<std::uint16_t> over;
    bool has_begun = false;
    for (auto& [number, group] : groups_) {
        if (at >= group.until) {
            over.push_back(number);
        } else if (group.begins != kLongAgo && at >= group.begins) {
            group.begins = kLongAgo;
            has_begun = true;
            for (const auto& [peer, where] : std::exchange(group.seen, {})) seen_[peer] = where;
        }
    }
    for (const std::uint16_t number : over) {
        log(LogLevel::kWarn, "group_expired", {{"group", std::to_string(number)}});
        remove_addresses(groups_.at(number).addresses);
        groups_.erase(number);
    }
    if (!over.empty()) note();
    if (over.empty() && !has_begun) return at >= retry_at_ ? try_again(reconciler, link) : void();
    const std::size_t known = seen_.size();
    const Report report = deliver(reconciler, link);
    log(report.exit_status == 0 ? LogLevel::kInfo : LogLevel::kError, "groups_delivered",
        {{"served", std::to_string(reconciler.served().size())},
         {"known_endpoints", std::to_string(known)},
         {"summary", report.summary}});
}

Reconciler::Served FleetKeeper::wanted() const {
    Reconciler::Served served;
    for (const auto& [number, group] : groups_) {
        if (group.begins == kLongAgo) served[number] = group.addresses;
    }
    return served;
}

Report FleetKeeper::deliver(Reconciler& reconciler, VpndLink& link) {
    Report report = reconciler.serve_groups(link, wanted(), seen_);
    if (report.accepted) {
        seen_.clear();
        tries_ = 0;
        retry_at_ = kNever;
    } else {
        ++tries_;
        retry_at_ = now() + kRetry;
    }
    return report;
}

void FleetKeeper::try_again(Reconciler& reconciler, VpndLink& link) {
    const Report report = deliver(reconciler, link);
    if (report.accepted || tries_ <= kMostTries)
        log(report.accepted ? LogLevel::kInfo : LogLevel::kError, "groups_delivered_again",
            {{"served", std::to_string(reconciler.served().size())}, {"summary", report.summary}});
    if (tries_ >= kMostTries) give_up(reconciler, report.summary);
}

// An address without tunnels behind it would keep the customers from a node that can serve them.
void FleetKeeper::give_up(const Reconciler& reconciler, const std::string& why) {
    for (const auto& [number, addresses] : wanted()) {
        if (reconciler.served().contains(number)) continue;
        log(LogLevel::kError, "group_not_served", {{"group", std::to_string(number)}, {"reason", why}});
        remove_addresses(addresses);
        groups_.erase(number);
        refused_until_[number] = now() + kRefusal;
    }
    note();
}

// An older file may not be taken for what this epoch's owner was told: it would overrule what vpnd saw itself since.
SeenPeers FleetKeeper::take_seen(std::uint16_t group, std::uint64_t epoch) const {
    const std::string path = options_.directory + "/seen-" + std::to_string(group);
    SeenPeers out = parse_seen(read_file(path), epoch);
    (void)::unlink(path.c_str());
    return out;
}

// --- addresses -----------------------------------------------------------------------------------

// Whole seconds, rounded down: the kernel counts no others, and an address must not outlive its deadline.
Status FleetKeeper::put_addresses(const std::vector<IpAddress>& addresses, Instant until) {
    for (const IpAddress& address : addresses) WARREN_TRY(put_address(address, until));
    return {};
}

// The kernel counts from when it got it, which is later than when we counted, by however long this process stood still.
Status FleetKeeper::put_address(const IpAddress& address, Instant until) {
    constexpr int kTries = 3;
    for (int i = 0; i < kTries; ++i) {
        const auto left = whole_seconds(now(), until);
        if (!left && i == 0) return tl::unexpected(left.error());
        if (!left) break;
        WARREN_TRY(device_.put(address, static_cast<std::uint32_t>(left->count())));
        if (now() + *left <= until) return {};
    }
    remove_addresses({address});
    return fail(ErrorCode::kFailed, "the address was put too late for its deadline");
}

void FleetKeeper::remove_addresses(const std::vector<IpAddress>& addresses) {
    for (const IpAddress& address : addresses) {
        if (const Status removed = device_.remove(address); !removed)
            log(LogLevel::kError, "service_address_not_removed", {{"reason", removed.error().what}});
    }
}

// For a stackd that comes after us: "7 12 192.0.2.7 2001:db8::7".
void FleetKeeper::note() const {
    std::string text;
    for (const auto& [number, group] : groups_) {
        text += std::to_string(number) + " " + std::to_string(group.epoch);
        for (const IpAddress& address : group.addresses) text += " " + to_string(address);
        text += "\n";
    }
    const std::string path = options_.run_dir + "/" + kNoteFile;
    const UniqueFd file(::open((path + ".new").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    const bool written =
        file.valid() && write_all(file.get(), text) && ::rename((path + ".new").c_str(), path.c_str()) == 0;
    if (!written) log(LogLevel::kWarn, "groups_not_noted", {{"error", std::to_string(errno)}});
}

Reconciler::Served FleetKeeper::resume() {
    Reconciler::Served served;
    std::istringstream lines(read_file(options_.run_dir + "/" + kNoteFile));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        unsigned number = 0;
        Group group;
        if (!(words >> number >> group.epoch) || number >= config::kMostGroups) continue;
        for (std::string word; words >> word;) {
            if (const auto address = parse_ip(word)) group.addresses.push_back(*address);
        }
        const auto left = device_.left(group.addresses);
        if (!is_valid(group.addresses) || left < std::chrono::seconds(1)) continue;
        group.until = now() + left;
        const auto key = static_cast<std::uint16_t>(number);
        served[key] = group.addresses;
        epochs_[key] = group.epoch;
        groups_[key] = std::move(group);
    }
    return served;
}

}  // namespace warren::stacks
