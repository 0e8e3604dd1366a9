// A copy of a customer's stack for a moment, to see what the kernel does there with a packet.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "ctl/ask/ruleset.h"

namespace warren::ctl {

// A network namespace without a name that has the addresses, routes, rules and switches of a stack, and whose devices
// lead to this process. Nothing that is sent there leaves it, and it ends with this object. Needs root. One thread,
// which is not the namespace's own.
class Twin {
  public:
    struct Route {
        Prefix to;
        std::string type;  // "unicast", "blackhole", ...
        std::string via;   // "": none
        std::string device;
        std::uint32_t metric = 0;
    };
    // Makes it. Of very many routes only those that contain one of these addresses are copied.
    [[nodiscard]] static Result<Twin> make(const std::string& customer, std::vector<Route> routes,
                                           const std::vector<IpAddress>& about);
    ~Twin();
    Twin(Twin&&) noexcept;
    Twin& operator=(Twin&&) = delete;

    struct Step {
        TraceStep step;
        std::string text;  // of Warren's rule (rule_texts()); "": none
    };
    struct Seen {
        std::vector<Step> steps;
        std::string out_device;             // that `packet` left by; "": it did not
        std::vector<std::uint8_t> packet;   // as it left
        std::vector<std::uint8_t> refusal;  // what its sender got instead; empty: nothing
    };
    // Sends a packet into the stack by this device, or from the stack itself ("").
    [[nodiscard]] Result<Seen> send(const std::string& device, const std::vector<std::uint8_t>& packet);

  private:
    struct State;
    explicit Twin(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace warren::ctl
