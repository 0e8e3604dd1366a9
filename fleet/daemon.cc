#include "fleet/daemon.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>
#include <variant>

#include "base/clock.h"
#include "base/log.h"
#include "fleet/rim/stackd.h"

namespace warren::fleet {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLongestTick = milliseconds(200);
constexpr Duration kWatchPause = milliseconds(300);
constexpr Duration kPatience = seconds(5);     // for etcd
constexpr Duration kFollowPause = seconds(1);  // between two looks at vpnd's peers
constexpr Duration kCertificatePause = seconds(5);
constexpr int kLooksPerRoster = 10;  // of these, one asks which customers a group has
constexpr int kStackdPatience = 5;
constexpr int kProbePatience = 2;
constexpr std::size_t kPlaceSize = 100;        // of a peer's place in a request, about
constexpr std::size_t kMostStates = 250'000;   // bytes in a request: a beat waits as long as this takes
constexpr Duration kReturning = seconds(180);  // until then a peer without a session may only be on its way
constexpr std::uint8_t kRefused = 4;

ControlReply refused(std::string why) {
    return {{}, kRefused, std::move(why)};
}

// Another one for each file that took the place of another. "": there is none.
std::string version_of(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) return "";
    return fmt::format("{} {} {}", facts.st_ino, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
}

Ownership::Settings machine_settings(const Settings& settings) {
    Ownership::Settings out;
    out.me = settings.node;
    out.instance = settings.instance;
    out.weight = settings.weight;
    out.zone = settings.zone;
    out.groups = settings.groups;
    return out;
}

}  // namespace

Daemon::Daemon(Options options)
    : options_(std::move(options)), machine_(machine_settings(options_.settings)), gateway_(options_.settings.etcd) {}

Daemon::~Daemon() {
    is_over_ = true;
    if (follower_.joinable()) follower_.join();
    if (prober_.joinable()) prober_.join();
}

Status Daemon::run(const std::function<Status()>& confine) {
    if (options_.settings.tls) {
        certificate_version_ = version_of(options_.settings.tls->certificate);
        WARREN_TRY(gateway_.secure(*options_.settings.tls));
        gateway_.after(kCertificatePause, [this] { follow_certificate(); });
    }
    lane_ = std::make_unique<Lane>(
        Lane::Options{options_.run_dir + "/fleet.sock", options_.directory,
                      options_.settings.uses_bird ? options_.settings.bird_socket : "",
                      [this](GroupNumber group, std::uint64_t number) {
                          gateway_.call([this, group, number] {
                              with_machine([&](Actions& out) { machine_.stopped(read_instant(), group, number, out); });
                          });
                      },
                      [this](GroupNumber group, bool is_done) {
                          gateway_.call([this, group, is_done] {
                              with_machine([&](Actions& out) {
                                  if (is_done) machine_.stackd_answered(read_instant(), out);
                                  machine_.served(read_instant(), group, is_done, out);
                              });
                          });
                      }});
    auto control = Control::listen(options_.socket, [this](const ipc::ControlRequest& request) {
        std::promise<ControlReply> promise;
        auto reply = promise.get_future();
        gateway_.call([&] { promise.set_value(answer(request)); });
        while (reply.wait_for(milliseconds(100)) != std::future_status::ready) {
            if (is_over_) return refused("fleetd ends");
        }
        return reply.get();
    });
    if (!control) return tl::unexpected<Error>(control.error());
    control_ = std::move(*control);
    auto configuration = ConfigurationSocket::listen(
        options_.configuration_socket, options_.settings.node,
        [this](const std::string& target, const std::string& body) { return ask_etcd(target, body); },
        [this] { return placement(); });
    if (!configuration) return tl::unexpected<Error>(configuration.error());
    configuration_ = std::move(*configuration);
    follower_ = std::thread([this] { follow_peers(); });
    prober_ = std::thread([this] { follow_stackd(); });
    WARREN_TRY(confine());
    log(LogLevel::kInfo, "service_started", {{"node", options_.settings.node}});
    read_states("");
    tick();
    gateway_.run();
    is_over_ = true;
    configuration_.reset();
    control_.reset();
    lane_.reset();  // what is served ends at its deadline
    log(LogLevel::kInfo, "service_stopped");
    return {};
}

// Whoever renews a certificate replaces its file. What cannot be used changes nothing: the old one may still do.
void Daemon::follow_certificate() {
    const std::string now = version_of(options_.settings.tls->certificate);
    if (std::exchange(certificate_version_, now) != now && !now.empty()) {
        const Status secured = gateway_.secure(*options_.settings.tls);
        if (secured) {
            log(LogLevel::kInfo, "certificate_replaced", {{"file", options_.settings.tls->certificate}});
        } else {
            log(LogLevel::kError, "certificate_not_replaced", {{"reason", secured.error().what}});
        }
    }
    gateway_.after(kCertificatePause, [this] { follow_certificate(); });
}

template <typename Call>
void Daemon::with_machine(const Call& call) {
    Actions actions;
    call(actions);
    act(actions);
}

void Daemon::tick() {
    with_machine([&](Actions& out) { machine_.run(read_instant(), out); });
    if (std::exchange(has_double_, machine_.has_double()) != machine_.has_double()) {
        log(has_double_ ? LogLevel::kError : LogLevel::kInfo,
            has_double_ ? "node_name_used_elsewhere" : "node_name_free", {{"node", options_.settings.node}});
    }
    const Instant now = read_instant();
    const Instant next = machine_.next_deadline();
    const Duration pause = next <= now ? Duration(milliseconds(1)) : std::min<Duration>(next - now, kLongestTick);
    gateway_.after(pause, [this] { tick(); });
}

void Daemon::act(const Actions& actions) {
    for (const Action& action : actions) std::visit([this](const auto& one) { perform(one); }, action);
}

// --- etcd ----------------------------------------------------------------------------------------

void Daemon::note_etcd(const Status& status) {
    const std::string problem = status ? "" : status.error().what;
    if (std::exchange(etcd_problem_, problem) == problem) return;
    if (problem.empty()) {
        log(LogLevel::kInfo, "etcd_answers");
    } else {
        log(LogLevel::kError, "etcd_does_not_answer", {{"reason", problem}});
    }
}

void Daemon::perform(const SendBeat& beat) {
    const std::int64_t wall = read_wall_clock().nanoseconds / 1'000'000;
    const std::string body =
        beat_request(options_.settings.node, beat.fence,
                     {beat.number, wall, machine_.is_draining(), machine_.can_serve(read_instant()),
                      options_.settings.instance, machine_.held(), options_.settings.weight, options_.settings.zone});
    const Instant sent = read_instant();
    gateway_.ask(kTransactionTarget, body, kPatience, [this, beat, sent](const Result<std::string>& text) {
        const auto answer = text ? parse_answer(*text) : tl::unexpected<Error>(text.error());
        note_etcd(answer ? Status() : tl::unexpected<Error>(answer.error()));
        if (!answer) return;
        if (answer->accepted) {
            log(LogLevel::kDebug, "beat_accepted");
        } else {
            log(LogLevel::kWarn, "beat_refused");
        }
        with_machine([&](Actions& out) {
            machine_.beat_answered(read_instant(), {beat.number, sent, beat.fence, answer->revision, answer->accepted},
                                   out);
        });
    });
}

void Daemon::perform(const Read& /*read*/) {
    gateway_.ask(kTransactionTarget, read_request(options_.settings.node), kPatience,
                 [this](const Result<std::string>& text) {
                     const auto answer = text ? parse_read(*text) : tl::unexpected<Error>(text.error());
                     note_etcd(answer ? Status() : tl::unexpected<Error>(answer.error()));
                     if (!answer) return;
                     if (!is_watching_) watch(answer->revision + 1);
                     with_machine([&](Actions& out) { machine_.read_answered(read_instant(), *answer, out); });
                 });
}

void Daemon::perform(const Change& change) {
    log(LogLevel::kInfo, change.victim.empty() ? "group_change_asked" : "group_take_asked",
        {{"group", std::to_string(change.group)},
         {"owner", change.owner},
         {"epoch", std::to_string(change.epoch)},
         {"from", change.victim}});
    gateway_.ask(
        kTransactionTarget, change_request(change), kPatience, [this, change](const Result<std::string>& text) {
            const auto answer = text ? parse_answer(*text) : tl::unexpected<Error>(text.error());
            if (!answer) return;  // whether it came true is told by a watch
            log(LogLevel::kInfo, answer->accepted ? "group_changed" : "group_change_refused",
                {{"group", std::to_string(change.group)},
                 {"owner", change.owner},
                 {"epoch", std::to_string(change.epoch)}});
            with_machine([&](Actions& out) {
                machine_.change_answered(read_instant(), {change.number, answer->revision, answer->accepted}, out);
            });
        });
}

// On another thread: waits for the answer.
Result<std::string> Daemon::ask_etcd(const std::string& target, const std::string& body) {
    auto promise = std::make_shared<std::promise<Result<std::string>>>();
    auto reply = promise->get_future();
    gateway_.call([this, target, body, promise] {
        gateway_.ask(target, body, kPatience,
                     [promise](Result<std::string> text) { promise->set_value(std::move(text)); });
    });
    while (reply.wait_for(milliseconds(100)) != std::future_status::ready) {
        if (is_over_) return fail(ErrorCode::kUnavailable, "fleetd ends");
    }
    return reply.get();
}

// On another thread, likewise.
Result<Placement> Daemon::placement() {
    auto promise = std::make_shared<std::promise<Placement>>();
    auto reply = promise->get_future();
    gateway_.call([this, promise] {
        const Instant now = read_instant();
        promise->set_value({machine_.nodes(now), machine_.groups(now)});
    });
    while (reply.wait_for(milliseconds(100)) != std::future_status::ready) {
        if (is_over_) return fail(ErrorCode::kUnavailable, "fleetd ends");
    }
    return reply.get();
}

void Daemon::watch(Revision from) {
    is_watching_ = true;
    gateway_.watch(
        kWatchTarget, watch_request(from),
        [this](const std::string& line) {
            const auto watched = parse_watched(line);
            if (watched) return take(*watched);
            log(LogLevel::kWarn, "watch_ended", {{"reason", watched.error().what}});
            is_watching_ = false;
            with_machine([&](Actions& out) { machine_.read_again(read_instant(), out); });
            read_states("");
        },
        [this](const std::string& why) {
            if (!is_watching_) return;
            log(LogLevel::kWarn, "watch_ended", {{"reason", why}});
            gateway_.after(kWatchPause, [this] {
                is_watching_ = false;
                with_machine([&](Actions& out) { machine_.read_again(read_instant(), out); });
                read_states("");
            });
        });
}

// An event is as old as the change that it tells of, whatever etcd knows by now.
void Daemon::take(const Watched& watched) {
    for (const Changed& changed : watched.changes) {
        if (const auto* group = std::get_if<GroupChanged>(&changed)) {
            with_machine([&](Actions& out) {
                machine_.group_seen(read_instant(), group->group, group->record, group->record.changed, out);
            });
        } else if (const auto* beat = std::get_if<BeatChanged>(&changed)) {
            with_machine([&](Actions& out) {
                machine_.beat_seen(read_instant(), beat->node, beat->beat, beat->beat.changed, out);
            });
        } else if (const auto* state = std::get_if<StateChanged>(&changed)) {
            learn(*state);
        } else if (const auto* wish = std::get_if<WishChanged>(&changed)) {
            with_machine([&](Actions& out) { machine_.wish_seen(read_instant(), wish->group, wish->wish, out); });
        } else {
            configuration_->wake();
        }
    }
}

// --- who is where --------------------------------------------------------------------------------

void Daemon::learn(const StateChanged& state) {
    if (state.group < options_.settings.groups) states_[state.group][state.customer] = state.places;
}

void Daemon::read_states(const std::string& after) {
    gateway_.ask(kRangeTarget, states_request(after), kPatience, [this, after](const Result<std::string>& text) {
        const auto page = text ? parse_states(*text) : tl::unexpected<Error>(text.error());
        if (!page) {
            gateway_.after(seconds(1), [this, after] { read_states(after); });
            return;
        }
        for (const StateChanged& state : page->states) {
            if (!machine_.is_served(state.group)) learn(state);
        }
        // Beats that wait meanwhile come first.
        if (!page->last.empty()) gateway_.call([this, last = page->last] { read_states(last); });
    });
}

std::string Daemon::seen_text(GroupNumber group) const {
    std::string out;
    const auto found = states_.find(group);
    if (found == states_.end()) return out;
    for (const auto& [customer, places] : found->second) {
        for (const auto& [key, place] : places) out += key + " " + place + "\n";
    }
    return out;
}

void Daemon::follow_peers() {
    PeerPlacesReader reader(options_.run_dir + "/snapshot.sock");
    for (int look = 0; !is_over_; ++look) {
        if (look % kLooksPerRoster == 0) {
            std::map<GroupNumber, std::set<std::string>> customers;
            for (GroupNumber group = 0; group < options_.settings.groups && !is_over_; ++group) {
                ipc::ControlRequest request;
                request.verb = ipc::ControlVerb::kGroupPrepare;
                request.group = group;
                const auto reply = ask_stackd(options_.run_dir + "/fleet.sock", request, kStackdPatience);
                if (!reply) break;
                for (const ipc::ControlText& text : reply->texts) customers[group].insert(text.customer);
            }
            gateway_.call([this, customers] { customers_ = customers; });
        }
        if (reader.update()) gateway_.call([this, places = reader.places()] { write_states(places); });
        pause(kFollowPause);
    }
}

void Daemon::count_peers(const std::map<std::string, PeerPlaces>& places) {
    for (const auto& [group, customers] : customers_) {
        std::size_t peers = 0;
        for (const std::string& customer : customers) {
            const auto now = places.find(customer);
            if (now != places.end()) peers += now->second.size();
        }
        with_machine([&](Actions& out) { machine_.peers_seen(read_instant(), group, peers, out); });
    }
}

// Only of groups that are served here: of all others vpnd knows nothing. Whoever serves one is its only writer.
void Daemon::write_states(const std::map<std::string, PeerPlaces>& places) {
    count_peers(places);
    if (writes_states_) return;  // the next look comes soon
    for (const auto& [group, customers] : customers_) {
        if (!machine_.is_served(group) || !begun_.contains(group)) continue;
        std::map<std::string, PeerPlaces> changed;
        std::size_t size = 0;
        for (const std::string& customer : customers) {
            const auto now = places.find(customer);
            if (now == places.end() || changed.size() == kStatesAtOnce) continue;
            const auto& known = states_[group];
            const auto before = known.find(customer);
            if (before == known.end() ? now->second.empty() : before->second == now->second) continue;
            PeerPlaces all = now->second;
            // Right after a takeover most are on their way; where they were is not forgotten by that.
            const bool is_fresh = read_instant() - begun_.at(group) < kReturning;
            if (is_fresh && before != known.end()) all.insert(before->second.begin(), before->second.end());
            if (before != known.end() && before->second == all) continue;
            size += all.size() * kPlaceSize;
            if (size > kMostStates && !changed.empty()) break;
            changed[customer] = std::move(all);
        }
        if (changed.empty()) continue;
        writes_states_ = true;
        gateway_.ask(kTransactionTarget, state_request(group, changed), kPatience,
                     [this, group = group, changed](const Result<std::string>& text) {
                         writes_states_ = false;
                         if (!text) return;
                         for (const auto& [customer, now] : changed) states_[group][customer] = now;
                     });
        return;
    }
}

// --- stackd --------------------------------------------------------------------------------------

void Daemon::pause(Duration length) const {
    for (Duration slept{}; slept < length && !is_over_; slept += milliseconds(100))
        std::this_thread::sleep_for(milliseconds(100));
}

// It answers this also while it applies a configuration.
void Daemon::follow_stackd() {
    ipc::ControlRequest request;
    request.verb = ipc::ControlVerb::kGroupStatus;
    std::string problem;
    for (; !is_over_; pause(kFollowPause)) {
        const auto reply = ask_stackd(options_.run_dir + "/fleet.sock", request, kProbePatience);
        const bool can_serve = reply && reply->exit_status == 0;
        const std::string now = can_serve ? "" : reply ? "it has no configuration of the fleet" : reply.error().what;
        if (std::exchange(problem, now) != now) {
            if (can_serve) {
                log(LogLevel::kInfo, "stackd_answers");
            } else {
                log(LogLevel::kError, "stackd_does_not_answer", {{"reason", now}});
            }
        }
        if (!can_serve) continue;
        gateway_.call([this] { with_machine([&](Actions& out) { machine_.stackd_answered(read_instant(), out); }); });
    }
}

void Daemon::perform(const Serve& serve) {
    Lane::Wish wish{serve.group, true, 0, serve.epoch, serve.until, options_.settings.addresses_of(serve.group)};
    if (begun_.emplace(serve.group, read_instant()).second) {
        wish.seen = seen_text(serve.group);
        log(LogLevel::kInfo, "group_served",
            {{"group", std::to_string(serve.group)}, {"epoch", std::to_string(serve.epoch)}});
    }
    lane_->push(std::move(wish));
}

void Daemon::perform(const Stop& stop) {
    begun_.erase(stop.group);
    log(LogLevel::kInfo, "group_stopped", {{"group", std::to_string(stop.group)}});
    Lane::Wish wish;
    wish.group = stop.group;
    wish.number = stop.number;
    lane_->push(std::move(wish));
}

// --- vpnctl --------------------------------------------------------------------------------------

ControlReply Daemon::status() const {
    const Instant now = read_instant();
    ControlReply reply;
    const auto fact = [&reply](std::string text) {
        reply.texts.push_back({ipc::ControlText::Kind::kFact, "", std::move(text)});
    };
    for (const Ownership::NodeView& node : machine_.nodes(now)) {
        fact(fmt::format("node {}: {}{}{}{}{}{}", node.name, node.is_alive ? "alive" : "gone",
                         node.weight == kLeastWeight ? "" : fmt::format(", weight {}", node.weight),
                         node.zone.empty() ? "" : ", zone " + node.zone, node.is_draining ? ", drains" : "",
                         node.can_serve ? "" : ", cannot serve: its stackd does not answer, or has no configuration",
                         node.name == options_.settings.node ? ", this one" : ""));
    }
    for (const Ownership::GroupView& group : machine_.groups(now)) {
        std::string addresses;
        for (const IpAddress& address : options_.settings.addresses_of(group.group))
            addresses += " " + to_string(address);
        const auto rest = std::chrono::ceil<seconds>(group.rest).count();
        fact(fmt::format("group {}: owner {}, epoch {}, standby {}, {}at{}{}{}{}", group.group,
                         group.record.owner.empty() ? "nobody" : group.record.owner, group.record.epoch,
                         group.standby.empty() ? "nobody" : group.standby,
                         group.is_well ? fmt::format("{} peers online, ", group.peers) : "", addresses,
                         group.is_served ? ", served here" : "",
                         rest > 0 ? fmt::format(", keeps its owner for another {} s", rest) : "",
                         group.is_broken ? "; its record in etcd is broken, and nobody takes it" : ""));
    }
    const bool is_valid = machine_.is_valid(now);
    if (machine_.has_double())
        fact("this node serves nothing: another machine has beaten under its name in the last seconds");
    fact(is_valid ? fmt::format("etcd: this node is valid for another {:.1f} s",
                                static_cast<double>((machine_.valid_until() - now).count()) / 1e9)
                  : "etcd: this node may serve nothing: " +
                        (etcd_problem_.empty() ? "no beat was accepted yet" : etcd_problem_));
    reply.exit_status = is_valid ? 0 : 1;
    return reply;
}

ControlReply Daemon::answer(const ipc::ControlRequest& request) {
    switch (request.verb) {
        case ipc::ControlVerb::kFleetStatus: return status();
        case ipc::ControlVerb::kFleetMove: {
            std::string why;
            with_machine([&](Actions& out) { why = machine_.move(read_instant(), request.group, request.peer, out); });
            if (!why.empty()) return refused(why);
            return {
                {},
                0,
                fmt::format("group {} goes to {}", request.group, request.peer.empty() ? "its standby" : request.peer)};
        }
        case ipc::ControlVerb::kFleetDrain:
        case ipc::ControlVerb::kFleetUndrain: {
            const bool drains = request.verb == ipc::ControlVerb::kFleetDrain;
            with_machine([&](Actions& out) { machine_.drain(read_instant(), drains, out); });
            return {{},
                    0,
                    drains ? "this node gives its groups away, one after the other, and takes none"
                           : "this node takes groups again"};
        }
        default: return refused("stackd answers this");
    }
}

}  // namespace warren::fleet
