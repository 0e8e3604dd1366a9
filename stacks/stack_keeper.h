// The stacks of this instance: updates each to its customer's configuration, and holds the descriptors of the tunnel
// devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/fd.h"
#include "base/renames.h"
#include "base/result.h"
#include "config/customer.h"
#include "stacks/kernel/kernel.h"
#include "stacks/plan/plan.h"

namespace warren::stacks {

// Belongs to one thread; starts others during a call.
class StackKeeper {
  public:
    // `kernel` must outlive it.
    StackKeeper(Kernel& kernel, std::string run_dir) : kernel_(kernel), run_dir_(std::move(run_dir)) {}

    // What was done, or would be done, to one stack.
    struct Outcome {
        std::vector<std::string> steps;
        std::vector<std::string> problems;  // what could not be done; the stack runs without it
        bool is_new = false;                // the stack did not exist
        bool has_new_tunnel = false;        // tunnel() returns new descriptors
    };

    // Observes the uplink again. Call before a round of the calls below.
    [[nodiscard]] Status observe_uplink();
    [[nodiscard]] const ObservedUplink& uplink() const { return uplink_; }
    [[nodiscard]] Result<Outcome> preview(const config::Customer& customer);
    // Updates the stack to what `customer` says and opens its tunnel. On failure a new stack is removed again; an
    // existing one may be partly updated, and the next call continues from there.
    [[nodiscard]] Result<Outcome> bring_up(const config::Customer& customer);
    // bring_up() for each, several at the same time. Those with a handoff come last, one by one: they share the devices
    // of the uplink.
    [[nodiscard]] std::vector<Result<Outcome>> bring_up(std::span<const config::Customer* const> customers);
    // The most queues of all tunnels together, a descriptor each: a customer beyond it gets an error from bring_up()
    // and no stack.
    void limit_tunnels(std::size_t most) { most_tunnels_ = most; }
    // Closes the tunnel and removes the stack. No error when there is none.
    [[nodiscard]] Status take_down(const std::string& customer);
    // take_down() for each, several at the same time. The first error.
    [[nodiscard]] Status take_down(std::span<const std::string> customers);
    // Gives stacks the names of other customers, with their tunnels; those that have no stack are ignored. Either all
    // or, on an error, none of them get their names, unless has_names_in_doubt().
    [[nodiscard]] Status rename(const std::vector<Rename>& renames);
    // A rename() has failed, and could not be undone: bring_up() and preview() refuse its customers, as another one's
    // stack may have their names.
    [[nodiscard]] bool has_names_in_doubt() const { return !renaming_.all.empty(); }
    // Finishes or undoes it. The renames if they are done now, none if they are undone or there were none.
    [[nodiscard]] Result<std::vector<Rename>> settle_renames();
    // Finishes renames that a stackd which was killed has begun. Only before the tunnels of a running vpnd are adopted:
    // it knows each stack by the name that it has then. kConflict: all but those of which the error says why they have
    // to wait. Another error: some stacks may be between two names, and the next call goes on.
    [[nodiscard]] Status finish_renames();
    // Restores the names of physical devices that returned to the uplink because their stack was removed by somebody
    // else. Returns the steps taken. Call it when every stack is up to date.
    [[nodiscard]] Result<std::vector<std::string>> return_devices();
    // Customers not in `known` that have a stack of this instance.
    [[nodiscard]] Result<std::vector<std::string>> orphans(const std::set<std::string>& known);

    // Readable when take_changes() has something; -1: never.
    [[nodiscard]] int changes_fd() const { return kernel_.changes_fd(); }
    // In which namespaces somebody changed something, perhaps this program itself.
    [[nodiscard]] StackChanges take_changes() { return kernel_.take_changes(); }

    // What the next bring_up() of the customer takes for its peers' networks, beside those of the file: rules of the
    // firewall and the steering of queues know them. True: others than before.
    bool set_learned(const std::string& customer, LearnedByPeer learned);
    // The routes of BIRD in the customer's stack; from now on take_changes() tells of others.
    [[nodiscard]] Result<LearnedRoutes> learned_routes(const std::string& customer);

    // take_down(), unless somebody uses the stack: a program of `vpnctl stack exec`, or a device that is not Warren's.
    [[nodiscard]] Status park(const std::string& customer);
    [[nodiscard]] bool has_tunnel(const std::string& customer) const {
        const auto found = tunnels_.find(customer);
        return found != tunnels_.end() && !found->second.empty();
    }
    // A descriptor for each queue; empty when there is none.
    [[nodiscard]] std::vector<int> tunnel(const std::string& customer) const;
    // Adopts descriptors that vpnd kept for us.
    void adopt_tunnel(const std::string& customer, std::vector<UniqueFd> tunnel) {
        tunnels_[customer] = std::move(tunnel);
    }

    // tunnel() returns nothing until bring_up() has opened it again. The device stays.
    void close_tunnel(const std::string& customer) { tunnels_.erase(customer); }

    // Data workers of vpnd: a tunnel has no more queues than that.
    void set_workers(std::uint32_t workers) { workers_ = workers; }
    // Makes the kernel's neighbour tables large enough for so many stacks for which has_neighbours() holds. Where that
    // is refused, each stack gets a smaller part from now on, and the error says so.
    [[nodiscard]] Status size_neighbour_tables(std::size_t stacks);

  private:
    struct Prospect {
        DesiredStack desired;
        ObservedStack observed;
        Plan plan;
    };
    // These may run on any thread: they change nothing of the keeper. `moves_uplink`: set when a device entered or left
    // the uplink.
    [[nodiscard]] Result<Prospect> prepare(Kernel& kernel, const config::Customer& customer) const;
    [[nodiscard]] Result<Outcome> make(Kernel& kernel, const config::Customer& customer, std::vector<UniqueFd>& tunnel,
                                       bool& moves_uplink) const;
    [[nodiscard]] Status remove(Kernel& kernel, const std::string& customer, bool& moves_uplink) const;
    void watch(const std::string& customer, const Result<Outcome>& outcome);
    // A rename() that has begun.
    struct Renaming {
        std::vector<Rename> all;
        std::vector<Rename> stacks;                   // of those with a stack of this instance
        std::map<std::string, std::uint64_t> spaces;  // which namespaces these are, by their old ids
        bool has_outers = false;                      // the far ends of veths have their new names
        std::string reason;                           // why it has failed
    };
    // kConflict when a new name is another stack's that keeps it.
    [[nodiscard]] Result<Renaming> stacks_of(const std::vector<Rename>& renames);
    // Drops what is left of earlier ones, and finishes none of them: the stacks are in use under the names that they
    // have. An error: what is left and cannot be dropped is in the way of these.
    [[nodiscard]] Status make_way(const std::vector<Rename>& renames);
    // Drops this passing name if it is ours. An error: it stays; kConflict: its namespace is not one of `served`, and
    // so has no other name.
    [[nodiscard]] Status drop_passing(const std::string& name, const std::set<std::uint64_t>& served);
    // These are about `renaming_`. Whether the stack of `rename` has this name, for certain, or perhaps, as the kernel
    // does not say.
    [[nodiscard]] bool has_name(const std::string& name, const Rename& rename) const;
    [[nodiscard]] bool may_have_name(const std::string& name, const Rename& rename) const;
    // Somebody removed its stack.
    [[nodiscard]] bool is_gone(const Rename& rename) const;
    // Whether every stack has the name of this id, and no passing name.
    [[nodiscard]] bool all_have(std::string Rename::*name) const;
    [[nodiscard]] bool is_in_doubt(const std::string& customer) const;
    [[nodiscard]] Status give_names();
    [[nodiscard]] Status finish_names();
    void undo_renames();
    // It is done, and over. Its renames.
    std::vector<Rename> take_new_names();
    // Those with these passing names.
    [[nodiscard]] Status finish(std::vector<std::string> passing);
    // The far ends of veths. Where it fails, the handoff is made anew.
    void rename_outers(const std::vector<Rename>& renames);
    // One kernel for each thread that `count` rounds are worth; at least one.
    [[nodiscard]] std::vector<Kernel*> kernels_for(std::size_t count);

    Kernel& kernel_;
    std::vector<std::unique_ptr<Kernel>> extra_kernels_;  // for other threads
    std::string run_dir_;
    ObservedUplink uplink_;
    bool uplink_changed_ = true;
    std::size_t most_tunnels_ = SIZE_MAX;
    std::uint32_t workers_ = 1;
    std::uint32_t neighbours_ = kMostNeighbours;                      // of each stack with a handoff
    std::unordered_map<std::string, std::vector<UniqueFd>> tunnels_;  // by customer
    Renaming renaming_;                                               // during rename(), and while in doubt
    std::unordered_set<std::string> watched_;                         // customers
    std::map<std::string, LearnedByPeer> learned_;                    // by customer; none is empty
    bool said_unwatched_ = false;                                     // a failure to watch a stack is logged once
};

}  // namespace warren::stacks
