// Everything that stackd needs of the kernel for stacks: the seam between planning and carrying out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "stacks/kernel/stack_events.h"
#include "stacks/plan/learned.h"
#include "stacks/plan/observed.h"
#include "stacks/plan/step.h"

namespace warren::stacks {

// Used by one thread at a time, which is in the uplink's namespace between calls.
class Kernel {
  public:
    Kernel() = default;
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    virtual ~Kernel() = default;

    // The namespaces whose names begin with kNamespacePrefix, whatever created them.
    [[nodiscard]] virtual Result<std::vector<std::string>> stack_names() = 0;
    [[nodiscard]] virtual Result<ObservedUplink> observe_uplink() = 0;
    // `sysctls` says which parameters to read. A missing namespace is no error: `exists` is false.
    [[nodiscard]] virtual Result<ObservedStack> observe(const std::string& name, std::span<const Sysctl> sysctls) = 0;
    // The routes that BIRD has made in the main table. A missing namespace has none. kUnavailable: they change faster
    // than they can be read.
    [[nodiscard]] virtual Result<LearnedRoutes> learned_routes(const std::string& name) = 0;
    // Only the mark on lo; "" when the namespace has none or does not exist. Cheaper than observe().
    [[nodiscard]] virtual Result<std::string> owner_of(const std::string& name) = 0;
    // Which namespace has this name: equal numbers, the same one. kNotFound when none has.
    [[nodiscard]] virtual Result<std::uint64_t> number_of(const std::string& name) = 0;
    // Carries out the steps in order; stops at the first that fails and says which. `name` "": steps in the uplink
    // only.
    [[nodiscard]] virtual Status carry_out(const std::string& name, std::span<const Step> steps) = 0;
    // The descriptors of vpn0, one for each queue, which CreateTunnel left or which are opened now. kConflict when
    // another process holds it.
    [[nodiscard]] virtual Result<std::vector<UniqueFd>> release_tunnel(const std::string& name,
                                                                       std::uint16_t queues) = 0;
    // The size of the neighbour tables, and how to raise it: to at least `entries`, with the kernel's own proportions
    // for garbage collection. Only the first network namespace of the machine may raise it.
    [[nodiscard]] virtual Result<NeighbourTables> neighbour_tables() = 0;
    [[nodiscard]] virtual Status raise_neighbour_tables(std::uint32_t entries) = 0;
    // tunnel_steering.h
    [[nodiscard]] virtual Status steer(int tunnel, std::span<const SteeringEntry> entries) = 0;
    // Until the descriptor is closed nobody begins to run a program in the namespace (flock(2) on its name, which who
    // runs one shares). kConflict: somebody does.
    [[nodiscard]] virtual Result<UniqueFd> claim(const std::string& name) = 0;
    // Notifies of changes in this namespace from now on, whoever makes them. When that fails patrols find them.
    [[nodiscard]] virtual Status watch(const std::string& name) = 0;
    // Readable when take_changes() has something; -1: nothing is ever notified.
    [[nodiscard]] virtual int changes_fd() const = 0;
    [[nodiscard]] virtual StackChanges take_changes() = 0;
    // The same kernel and uplink for another thread, which may work on other stacks at the same time. Call it in the
    // uplink.
    [[nodiscard]] virtual Result<std::unique_ptr<Kernel>> another() = 0;
};

}  // namespace warren::stacks
