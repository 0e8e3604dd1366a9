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
    static constexpr int kPartOfTime = 20;  // no more than this part of the time is for one customer

    // BIRD has changed a route in the customer's stack, or may have. Nothing for one that learns nothing.
    void note(const config::Customer& customer);
    void note_all(const config::Generation& generation);
    [[nodiscard]] Instant next_deadline() const;
    // Reads the routes of customers that are due. Those whose learned networks are others than before.
    [[nodiscard]] std::vector<std::string> look(const config::Generation& current);

    // By the routes that were read last; those of a customer that was never looked at are read now.
    [[nodiscard]] LearnedByPeer networks_of(const config::Customer& customer);
    // Before its stack is brought up.
    void prepare(const config::Customer& customer) { (void)stacks_.set_learned(customer.id, networks_of(customer)); }
    // This is in force now.
    void follow(const config::Generation& current);
    void rename(const std::vector<Rename>& renames);

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
        bool has_failed = false;  // the last time
        Instant due = kNever;
        Instant looked_at = kLongAgo;
        Instant changed_at = kLongAgo;
        Duration pause = kPause;
        unsigned changes = 0;  // in a row
    };
    // False: they are as before.
    [[nodiscard]] bool read(const std::string& customer, Watched& watched);
    void pace(Watched& watched, Instant began, bool has_changed);

    StackKeeper& stacks_;
    std::function<Instant()> clock_;
    std::map<std::string, Watched> customers_;  // that may learn something
    Instant not_before_ = kLongAgo;
};

}  // namespace warren::stacks
