// The real kernel, through direct system calls: a stack takes well under a millisecond.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "stacks/kernel/kernel.h"
#include "stacks/kernel/stack_session.h"

namespace warren::stacks {

// The uplink is the network namespace of the thread that calls open().
class LinuxKernel final : public Kernel {
  public:
    // Fails, with advice, when this machine cannot have stacks: not root, no /dev/net/tun, no nf_tables. Call it before
    // privileges are dropped.
    [[nodiscard]] static Result<std::unique_ptr<LinuxKernel>> open();

    [[nodiscard]] Result<std::vector<std::string>> stack_names() override;
    [[nodiscard]] Result<ObservedUplink> observe_uplink() override;
    [[nodiscard]] Result<ObservedStack> observe(const std::string& name, std::span<const Sysctl> sysctls) override;
    [[nodiscard]] Result<LearnedRoutes> learned_routes(const std::string& name) override;
    [[nodiscard]] Result<std::string> owner_of(const std::string& name) override;
    [[nodiscard]] Result<std::uint64_t> number_of(const std::string& name) override;
    [[nodiscard]] Status carry_out(const std::string& name, std::span<const Step> steps) override;
    [[nodiscard]] Result<std::vector<UniqueFd>> release_tunnel(const std::string& name, std::uint16_t queues) override;
    [[nodiscard]] Result<NeighbourTables> neighbour_tables() override;
    [[nodiscard]] Status raise_neighbour_tables(std::uint32_t entries) override;
    Status steer(int tunnel, std::span<const SteeringEntry> entries) override;
    [[nodiscard]] Result<UniqueFd> claim(const std::string& name) override;
    [[nodiscard]] Status watch(const std::string& name) override;
    [[nodiscard]] int changes_fd() const override { return events_ ? events_->fd() : -1; }
    [[nodiscard]] StackChanges take_changes() override { return events_ ? events_->take() : StackChanges{}; }
    [[nodiscard]] Result<std::unique_ptr<Kernel>> another() override;

  private:
    [[nodiscard]] static Result<std::unique_ptr<LinuxKernel>> open_here();
    explicit LinuxKernel(Uplink uplink) : uplink_(std::move(uplink)) {}

    Uplink uplink_;
    std::optional<StackEvents> events_;  // of the first kernel
    std::unordered_map<std::string, std::vector<UniqueFd>>
        tunnels_;  // made by CreateTunnel, not released yet, by namespace
};

}  // namespace warren::stacks
