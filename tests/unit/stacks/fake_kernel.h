// A kernel of values: stacks and uplink as plain tables that follow the rules of the real one that plans must know.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stacks/kernel/kernel.h"

namespace warren::stacks {

struct FakeStack {
    std::vector<Link> links;
    std::vector<DeviceAddress> addresses;
    std::vector<Route> routes;
    std::map<std::string, std::string> sysctls;
    std::optional<ObservedFirewall> firewall;

    [[nodiscard]] Link* link(const std::string& name);
};

class FakeKernel final : public Kernel {
  public:
    std::map<std::string, FakeStack> stacks;          // by namespace
    std::map<std::string, std::string> second_names;  // of namespaces: which one in `stacks` it is
    ObservedUplink uplink;
    std::size_t steps_until_crash = SIZE_MAX;  // carry_out() fails before this step
    std::size_t steps_until_error = SIZE_MAX;  // the same, once
    std::size_t looks_until_error = SIZE_MAX;  // stack_names(), owner_of() or number_of() fails at this call, once
    std::set<std::string> in_use;              // namespaces that programs run in
    std::vector<std::string> broken_rules;     // what no plan may ever do
    std::vector<std::string> observed;         // namespaces that were looked at, in order

    // Adds a device to the uplink.
    void add_uplink(const std::string& name, const std::string& kind, const std::string& alias = "");
    // A namespace as the kernel makes it, plus a device as the kernel makes it.
    static FakeStack fresh_stack(const std::string& owner);
    void add_link(FakeStack& stack, Link link);

    bool lists_stacks = true;  // false: stack_names() fails
    Result<std::vector<std::string>> stack_names() override;
    Result<ObservedUplink> observe_uplink() override { return uplink; }
    Result<ObservedStack> observe(const std::string& name, std::span<const Sysctl> sysctls) override;
    std::map<std::string, LearnedRoutes> learned;  // by namespace
    std::vector<std::string> read_learned;         // namespaces, in order
    bool refuses_learned = false;                  // the tables change too fast
    std::size_t refused_reads = 0;                 // of the next ones
    Result<LearnedRoutes> learned_routes(const std::string& name) override {
        if (refused_reads > 0 && refused_reads-- > 0) return fail(ErrorCode::kUnavailable, "not now");
        if (refuses_learned) return fail(ErrorCode::kUnavailable, "the tables change too fast");
        read_learned.push_back(name);
        return learned[name];
    }
    Result<std::string> owner_of(const std::string& name) override;
    Result<std::uint64_t> number_of(const std::string& name) override;
    Status carry_out(const std::string& name, std::span<const Step> steps) override;
    Result<std::vector<UniqueFd>> release_tunnel(const std::string& name, std::uint16_t queues) override;
    NeighbourTables tables{1024, 1024};
    bool refuses_tables = false;  // as in a container
    Result<NeighbourTables> neighbour_tables() override { return tables; }
    Status raise_neighbour_tables(std::uint32_t entries) override;
    std::vector<std::string> watched;  // namespaces
    StackChanges changes;              // for the next take_changes()
    bool refuses_watches = false;
    Result<UniqueFd> claim(const std::string& name) override {
        if (in_use.contains(name)) return fail(ErrorCode::kConflict, "a program runs in it");
        return UniqueFd();
    }
    Status watch(const std::string& name) override {
        if (refuses_watches) return fail(ErrorCode::kFailed, "no number is left");
        watched.push_back(name);
        return {};
    }
    [[nodiscard]] int changes_fd() const override { return -1; }
    StackChanges take_changes() override { return std::exchange(changes, {}); }
    Status steer(int tunnel, std::span<const SteeringEntry> entries) override;
    std::vector<SteeringEntry> steered;  // by the last steer()
    Result<std::unique_ptr<Kernel>> another() override { return fail(ErrorCode::kUnsupported, "one thread is enough"); }

    // The one in `stacks` that this is a name of; the name itself when there is none.
    [[nodiscard]] const std::string& first_name(const std::string& name) const;

  private:
    struct Runner;
    Status look();
    std::uint32_t next_index_ = 100;
};

}  // namespace warren::stacks
