#include "tests/sim/fleet/world.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <variant>

namespace warren::fleet::testing {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr GroupNumber kGroups = 2;
constexpr double kDrift = 0.02;
constexpr double kSecond = 1e9;

using Time = std::int64_t;  // nanoseconds, true ones

struct Store {
    Revision revision = 1;
    std::map<GroupNumber, GroupRecord> groups;
    std::map<std::string, ReadAnswer::Beat> beats;
    std::map<std::string, Revision> fences;
};

// What stackd and the kernel do for one group on one node.
struct Served {
    bool is_on = false;
    Time until = 0;       // the kernel removes the address
    Instant asked_until;  // on the node's clock
};

struct Node {
    std::string name;
    double rate = 1;
    Time offset = 0;
    std::unique_ptr<Ownership> machine;
    std::uint64_t life = 0;  // of the machine; answers to an earlier one are lost
    Time paused_until = 0;
    Time cut_until = 0;
    Time without_stackd_until = 0;
    std::deque<std::variant<Serve, Stop>> lane;  // requests to stackd go one after the other
    bool is_lane_busy = false;
    std::map<GroupNumber, std::uint64_t> last_stop;
    std::map<GroupNumber, Served> served;
    unsigned weight = 1;
    std::string zone;
    std::uint64_t change = 0;  // that is in flight; 0: none
    std::uint64_t change_life = 0;
    Instant change_sent;
    ReadAnswer view;  // what watches have told it
    Revision fake_revision = 1'000'000;

    [[nodiscard]] Instant local(Time at) const { return {offset + static_cast<Time>(static_cast<double>(at) * rate)}; }
    [[nodiscard]] Time true_span(Duration span) const {
        return static_cast<Time>(std::ceil(static_cast<double>(span.count()) / rate));
    }
};

class World {
  public:
    World(std::uint64_t seed, const Rules& rules, Duration length)
        : random_(seed), rules_(rules), end_(length.count()), calm_(end_ - Time{60} * 1'000'000'000) {
        for (const char* name : {"vie-1", "vie-2", "vie-3"}) {
            Node& node = nodes_.emplace_back();
            node.name = name;
            node.rate = 1 + (chance() * 2 - 1) * kDrift;
            node.offset = static_cast<Time>(chance() * 1000 * kSecond);
            // By the seed alone, so that what chance decides is as it was before there were any.
            node.weight = 1 + static_cast<unsigned>(seed * nodes_.size() % 5);
            node.zone = std::string("ab").substr((seed / nodes_.size()) % 3, 1);
            node.machine = std::make_unique<Ownership>(settings_of(node));
        }
    }

    Outcome run() {
        for (Node& node : nodes_) {
            later(random_time(0, kSecond), [this, &node] { wake(node); });
            later(random_time(5 * kSecond, 40 * kSecond), [this, &node] { fault(node); });
        }
        later(random_time(15 * kSecond, 30 * kSecond), [this] { operate(); });
        while (!events_.empty() && events_.top().at <= end_) {
            const Event event = events_.top();
            events_.pop();
            now_ = event.at;
            event.what();
        }
        outcome_.all_served_in_the_end = true;
        for (GroupNumber group = 0; group < kGroups; ++group) {
            const auto owners =
                std::count_if(nodes_.begin(), nodes_.end(), [group](Node& node) { return node.served[group].is_on; });
            if (owners != 1) outcome_.all_served_in_the_end = false;
        }
        return outcome_;
    }

  private:
    struct Event {
        Time at = 0;
        std::uint64_t number = 0;
        std::function<void()> what;
        bool operator<(const Event& other) const { return at != other.at ? at > other.at : number > other.number; }
    };

    Ownership::Settings settings_of(const Node& node) const {
        Ownership::Settings settings;
        settings.me = node.name;
        settings.groups = kGroups;
        settings.take = rules_.take;
        settings.rest = rules_.rest;
        settings.weight = node.weight;
        settings.zone = node.zone;
        return settings;
    }

    double chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }
    Time random_time(double from, double to) { return static_cast<Time>(from + chance() * (to - from)); }
    void later(Time delay, std::function<void()> what) {
        events_.push({now_ + delay, ++event_number_, std::move(what)});
    }
    // Mostly quick, sometimes very slow: later messages overtake earlier ones.
    Time delay() {
        const double kind = chance();
        if (now_ > calm_ || kind < 0.85) return random_time(1e6, 2e7);
        if (kind < 0.96) return random_time(2e7, 5e8);
        return random_time(5e8, 9 * kSecond);
    }
    bool is_lost(const Node& node) { return now_ < node.cut_until || (now_ < calm_ && chance() < 0.01); }

    // Runs `what` on the node, now or when it goes on.
    void on(Node& node, std::function<void(Actions&)> what) {
        if (now_ < node.paused_until) {
            later(node.paused_until - now_, [this, &node, what = std::move(what)] { on(node, what); });
            return;
        }
        Actions actions;
        what(actions);
        carry_out(node, actions);
    }

    void wake(Node& node) {
        on(node, [this, &node](Actions& out) {
            node.machine->run(node.local(now_), out);
            if (now_ >= node.without_stackd_until) node.machine->stackd_answered(node.local(now_), out);
        });
        later(50'000'000, [this, &node] { wake(node); });
    }

    // --- what goes wrong -------------------------------------------------------------------------

    void fault(Node& node) {
        if (now_ > calm_ - Time{25} * 1'000'000'000) return;
        const Time length = random_time(1e8, chance() < 0.5 ? 8 * kSecond : 25 * kSecond);
        const double kind = chance();
        if (kind < 0.4) {
            node.paused_until = now_ + length;
        } else if (kind < 0.8) {
            node.cut_until = now_ + length;
            later(length,
                  [this, &node] { on(node, [&](Actions& out) { node.machine->read_again(node.local(now_), out); }); });
        } else if (kind < 0.9) {
            node.without_stackd_until = now_ + length;
        } else {  // fleetd ends and is started again; stackd goes on
            node.machine = std::make_unique<Ownership>(settings_of(node));
            ++node.life;
            node.lane.clear();  // what stackd has got it does all the same
        }
        later(length + random_time(3 * kSecond, 30 * kSecond), [this, &node] { fault(node); });
    }

    void operate() {
        for (Node& node : nodes_) {
            for (GroupNumber group = 0; group < kGroups; ++group) {
                if (!node.machine->is_served(group) || chance() < 0.5) continue;
                on(node, [this, &node, group](Actions& out) {
                    if (node.machine->move(node.local(now_), group, "", out).empty()) ++outcome_.gives;
                });
            }
        }
        if (now_ < end_ - Time{10} * 1'000'000'000)
            later(random_time(5 * kSecond, 20 * kSecond), [this] { operate(); });
    }

    // --- the network and the store ---------------------------------------------------------------

    // `request` runs at the store and returns what runs on the node when the answer is there.
    void ask(Node& node, std::function<std::function<void(Actions&)>()> request) {
        if (is_lost(node)) return;
        later(delay(), [this, &node, life = node.life, request = std::move(request)] {
            if (now_ < node.cut_until) return;
            auto answer = request();
            if (is_lost(node)) return;
            later(delay(), [this, &node, life, answer = std::move(answer)] {
                if (now_ < node.cut_until || node.life != life) return;
                on(node, answer);
            });
        });
    }

    Revision seen_as(Node& node, Revision revision) {
        return rules_.later_revision_wins ? revision : ++node.fake_revision;
    }

    void tell_group(GroupNumber group) {
        const GroupRecord record = store_.groups[group];
        for (Node& node : nodes_) {
            if (is_lost(node)) continue;
            later(delay(), [this, &node, group, record, revision = store_.revision] {
                if (now_ < node.cut_until) return;
                on(node, [this, &node, group, record, revision](Actions& out) {
                    node.view.groups[group] = record;
                    node.machine->group_seen(node.local(now_), group, record, seen_as(node, revision), out);
                });
            });
        }
    }

    void tell_beat(const std::string& name) {
        const ReadAnswer::Beat beat = store_.beats[name];
        for (Node& node : nodes_) {
            if (is_lost(node)) continue;
            later(delay(), [this, &node, name, beat, revision = store_.revision] {
                if (now_ < node.cut_until) return;
                on(node, [this, &node, name, beat, revision](Actions& out) {
                    node.view.beats[name] = beat;
                    node.machine->beat_seen(node.local(now_), name, beat, seen_as(node, revision), out);
                });
            });
        }
    }

    void carry_out(Node& node, const Actions& actions) {
        for (const Action& action : actions) std::visit([&](const auto& one) { perform(node, one); }, action);
    }

    void perform(Node& node, const SendBeat& beat) {
        ask(node, [this, &node, beat, sent = node.local(now_)] {
            BeatAnswer answer{beat.number, sent, beat.fence, 0, false};
            if (!rules_.compares_fence || store_.fences[node.name] == beat.fence) {
                answer.accepted = true;
                store_.beats[node.name] = {++store_.revision,
                                           node.machine->is_draining(),
                                           node.machine->can_serve(node.local(now_)),
                                           "",
                                           {},
                                           node.weight,
                                           node.zone};
                tell_beat(node.name);
            }
            answer.revision = store_.revision;
            return [this, &node, answer](Actions& out) {
                BeatAnswer told = answer;
                if (!rules_.counts_from_sending) told.sent = node.local(now_);
                node.machine->beat_answered(node.local(now_), told, out);
            };
        });
    }

    void perform(Node& node, const Read&) {
        if (!rules_.reads_anew) {
            ReadAnswer known = node.view;
            known.revision = store_.revision;
            known.fence = store_.fences[node.name];
            later(1'000'000, [this, &node, known, life = node.life] {
                if (node.life != life) return;
                on(node,
                   [this, &node, known](Actions& out) { node.machine->read_answered(node.local(now_), known, out); });
            });
            return;
        }
        ask(node, [this, &node] {
            ReadAnswer answer{store_.revision, store_.fences[node.name], store_.groups, store_.beats};
            return [this, &node, answer](Actions& out) {
                ReadAnswer told = answer;
                told.revision = seen_as(node, told.revision);
                node.machine->read_answered(node.local(now_), told, out);
            };
        });
    }

    void note_change(const Change& change) {
        const bool is_calm = now_ > calm_ + Time{8} * 1'000'000'000;  // what was on its way has arrived
        if (!is_calm || store_.groups[change.group].owner == change.owner) return;
        const auto last = last_change_.find(change.group);
        if (last != last_change_.end() && now_ - last->second < Time{29} * 1'000'000'000) outcome_.to_and_fro = true;
        last_change_[change.group] = now_;
    }

    void perform(Node& node, const Change& change) {
        // One without an answer counts as lost after a while.
        if (node.change != 0 && node.change_life == node.life && node.local(now_) - node.change_sent < rules_.take)
            outcome_.two_in_flight = true;
        node.change = change.number;
        node.change_life = node.life;
        node.change_sent = node.local(now_);
        ask(node, [this, &node, change] {
            ChangeAnswer answer{change.number, 0, false};
            const bool same_beat = change.victim.empty() || !rules_.compares_beat ||
                                   store_.beats[change.victim].changed == change.beat_changed;
            if (store_.groups[change.group].changed == change.group_changed && same_beat) {
                answer.accepted = true;
                note_change(change);
                const Revision revision = ++store_.revision;
                store_.groups[change.group] = {change.owner, change.epoch, revision};
                if (!change.victim.empty()) {
                    store_.fences[change.victim] = revision;
                    ++outcome_.takes;
                }
                tell_group(change.group);
            }
            answer.revision = store_.revision;
            return [this, &node, answer](Actions& out) {
                ChangeAnswer told = answer;
                if (!rules_.later_revision_wins) told.revision = seen_as(node, told.revision);
                if (node.change == answer.number) node.change = 0;
                node.machine->change_answered(node.local(now_), told, out);
            };
        });
    }

    // --- stackd and the kernel -------------------------------------------------------------------

    // Mostly quick, sometimes as slow as a stackd that has very much to do.
    Time lane_delay() { return now_ > calm_ || chance() < 0.98 ? random_time(1e5, 2e7) : random_time(0, 6 * kSecond); }

    // As fleetd's lane: a Serve takes the place of one that waits and is the group's last, and a Stop drops it.
    void perform(Node& node, const Serve& serve) {
        for (auto last = node.lane.rbegin(); last != node.lane.rend(); ++last) {
            if (const auto* stop = std::get_if<Stop>(&*last); stop != nullptr && stop->group == serve.group) break;
            auto* waiting = std::get_if<Serve>(&*last);
            if (waiting == nullptr || waiting->group != serve.group) continue;
            *waiting = serve;
            return;
        }
        node.lane.emplace_back(serve);
        run_lane(node);
    }

    void perform(Node& node, const Stop& stop) {
        node.last_stop[stop.group] = stop.number;
        if (rules_.stop_follows_serves) {
            std::erase_if(node.lane, [&](const auto& waiting) {
                const auto* serve = std::get_if<Serve>(&waiting);
                return serve != nullptr && serve->group == stop.group;
            });
        }
        node.lane.emplace_back(stop);
        run_lane(node);
    }

    void run_lane(Node& node) {
        if (node.is_lane_busy || node.lane.empty()) return;
        node.is_lane_busy = true;
        const auto request = node.lane.front();
        node.lane.pop_front();
        later(lane_delay(), [this, &node, request, life = node.life] {
            std::visit([&](const auto& one) { reach_stackd(node, one, life); }, request);
            node.is_lane_busy = false;
            run_lane(node);
        });
    }

    void tell_served(Node& node, GroupNumber group, bool is_done) {
        on(node, [this, &node, group, is_done](Actions& out) {
            node.machine->served(node.local(now_), group, is_done, out);
        });
    }

    void reach_stackd(Node& node, const Serve& serve, std::uint64_t life) {
        Served& served = node.served[serve.group];
        const Duration left = serve.until - node.local(now_);
        const bool is_done = left >= seconds(1) && now_ >= node.without_stackd_until;
        if (node.life == life) tell_served(node, serve.group, is_done);
        if (!is_done || (served.is_on && serve.until <= served.asked_until)) return;
        served.asked_until = serve.until;
        const Duration whole = std::chrono::floor<seconds>(left);
        served.until = now_ + node.true_span(whole) + random_time(0, 4e8);
        turn(node, serve.group, true);
        if (!rules_.kernel_ends_it) return;
        later(served.until - now_, [this, &node, group = serve.group] {
            if (node.served[group].until <= now_) turn(node, group, false);
        });
    }

    void reach_stackd(Node& node, const Stop& stop, std::uint64_t life) {
        if (now_ < node.without_stackd_until) return;
        turn(node, stop.group, false);
        if (node.life != life) return;
        const std::uint64_t number = rules_.stop_follows_serves ? stop.number : node.last_stop[stop.group];
        on(node, [this, &node, group = stop.group, number](Actions& out) {
            node.machine->stopped(node.local(now_), group, number, out);
        });
    }

    void turn(Node& node, GroupNumber group, bool on) {
        Served& served = node.served[group];
        if (served.is_on == on) return;
        served.is_on = on;
        const auto owners =
            std::count_if(nodes_.begin(), nodes_.end(), [group](Node& one) { return one.served[group].is_on; });
        if (owners > 1) outcome_.two_owners = true;
        if (on && owners == 2) overlap_since_[group] = now_;
        if (!on && owners == 1 && overlap_since_.contains(group)) {
            outcome_.overlap = std::max(outcome_.overlap, Duration(now_ - overlap_since_[group]));
            overlap_since_.erase(group);
        }
    }

    std::mt19937_64 random_;
    Rules rules_;
    Time end_;
    Time calm_;  // no faults from then on
    Time now_ = 0;
    std::uint64_t event_number_ = 0;
    std::priority_queue<Event> events_;
    Store store_;
    std::deque<Node> nodes_;
    std::map<GroupNumber, Time> overlap_since_;
    std::map<GroupNumber, Time> last_change_;  // of owner, since all is calm
    Outcome outcome_;
};

}  // namespace

Outcome simulate(std::uint64_t seed, const Rules& rules, Duration length) {
    return World(seed, rules, length).run();
}

}  // namespace warren::fleet::testing
