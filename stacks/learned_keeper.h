// Follows what the BIRDs in the stacks learn towards peers, for customers whose file allows it. What it knows is from
// the kernel alone: a stackd that starts reads it again.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/renames.h"
#include "base/time.h"
#include "config/generation.h"
#include "ipc/control_messages.h"
#include "stacks/plan/learned.h"
#include "stacks/stack_keeper.h"

namespace warren::stacks {

// One thread.
class LearnedKeeper {
  public:
    // `stacks` must outlive it.
    LearnedKeeper(StackKeeper& stacks, std::function<Instant()> clock) : stacks_(stacks), clock_(std::move(clock)) {}

    // How many customers look() reads at once; about a millisecond each, or ten with all the routes that are read.
    static constexpr std::size_t kAtOnce = 8;
    static constexpr Duration kDelay = std::chrono::milliseconds(100);    // routes come in groups
    static constexpr Duration kBetween = std::chrono::milliseconds(250);  // two rounds for all customers
    static constexpr Duration kPause = std::chrono::seconds(1);           // two looks at one customer
    static constexpr Duration kLongestPause = std::chrono::seconds(8);    // of one that changes all the time
    static constexpr unsigned kChangesInARow = 5;                         // before the pause becomes longer
    static constexpr Duration kQuiet = std::chrono::seconds(10);          // without a change: half the pause again
    static constexpr int kPartOfTime = 20;  // no more than this part of the time is for one customer

    // BIRD has changed a route in the customer's stack, or may have. Nothing for one that learns nothing.
    void note(const config::Customer& customer);
    void note_all(const config::Generation& generation);
    // It has a new stack or a new tunnel, where the routes that were read last are not.
    void note_new(const config::Customer& customer);
    [[nodiscard]] Instant next_deadline() const;
    struct Changed {
        std::string customer;
        Learned before;
    };
    // Reads the routes of customers that are due. Those whose learned networks are others than before.
    [[nodiscard]] std::vector<Changed> look(const config::Generation& current);
    // Its stack could not be brought up for what it has learned: `of` has `learned` until the next look, which is due.
    void withhold(const std::shared_ptr<const config::AcceptedCustomer>& of, Learned learned);
    // What it has learned that is in force.
    [[nodiscard]] Learned in_force(const std::string& customer) const;

    // By the routes that were read last; those of a customer that was never looked at are read now, once: if that
    // fails, it has none before the next look, so its firewall and vpnd have the same.
    [[nodiscard]] LearnedByPeer networks_of(const config::Customer& customer);
    // Before its stack is brought up.
    void prepare(const config::Customer& customer) { (void)stacks_.set_learned(customer.id, networks_of(customer)); }
    // This is in force now.
    void follow(const config::Generation& current);
    void rename(const std::vector<Rename>& renames);

    [[nodiscard]] static bool may_learn(const config::Customer& customer) {
        return customer.bgp && !customer.bgp->allow_learned.empty();
    }

    // A note for each customer that learns something of which its peers get no packets.
    void add_problems(std::vector<ipc::ControlText>& problems) const;
    // ipc/learned_facts.h, of one customer.
    [[nodiscard]] std::vector<ipc::ControlText> facts(const config::Customer& customer) const;

  private:
    struct Watched {
        LearnedRoutes routes;
        Learned learned;  // of the configuration in force
        std::shared_ptr<const config::AcceptedCustomer> of;
        bool is_read = false;
        bool has_failed = false;   // the last time
        bool is_withheld = false;  // `learned` is not what the routes say
        Instant due = kNever;
        Instant looked_at = kLongAgo;
        Instant quiet_since = kLongAgo;  // the pause is as long as it was then
        Duration pause = kPause;
        unsigned changes = 0;  // in a row
    };
    // False: they are as before.
    [[nodiscard]] bool read(const std::string& customer, Watched& watched);
    void pace(Watched& watched, Instant began, bool has_changed);
    static void calm(Watched& watched, Instant now);

    StackKeeper& stacks_;
    std::function<Instant()> clock_;
    std::map<std::string, Watched> customers_;  // that may learn something
    Instant not_before_ = kLongAgo;
};

}  // namespace warren::stacks
