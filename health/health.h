// Whether all is well: the one place that decides it, for the status page, its API, /readyz, /metrics and vpnctl. Pure:
// from what a program knows (a Situation) to what needs a person (Findings).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "ipc/control_messages.h"

namespace warren::health {

enum class Kind : std::uint8_t {
    kVpndUnreachable,
    kStackdUnreachable,
    kCustomerNotServed,
    kStackIncomplete,  // a customer's stack is not as configured: a missing device
    kNotInForce,       // something else of the appliance or of a customer is not, or not for long
    kLastGoodInForce,  // an earlier configuration, because that of the files cannot be used
    kFileInvalid,      // an error or a warning in a file
    kUnderLoad,
    kUsersFileInvalid,
    kCertificateExpiring,
    kCustomerDown,
    kConnectionUnserved,  // of IPsec: vpnd does not serve it
};
inline constexpr std::size_t kKinds = 12;
// As in the API and in metrics: "vpnd_unreachable", ...
[[nodiscard]] std::string_view name_of(Kind kind);

// What a program knows. What it cannot know stays as it is here.
struct Situation {
    // Of stackd: what it could not do and what is still not resolved. A step or a fact is no problem.
    struct Problem {
        ipc::ControlText text;
        WallTime since;
    };
    struct Certificate {
        WallTime not_after;
        bool self_signed = false;
    };
    struct Down {
        std::string customer;
        std::string sentence;
        WallTime since;
    };

    WallTime now;
    bool vpnd_answers = true;
    WallTime vpnd_silent_since;
    std::string stackd_silence;  // why it does not answer; "" when it does
    WallTime stackd_silent_since;
    std::vector<Problem> problems;
    bool under_load = false;
    WallTime under_load_since;
    std::string users_problem;  // "" when users.toml is in force
    WallTime users_problem_since;
    std::optional<Certificate> certificate;
    std::vector<Down> down;
    std::vector<Down> unserved;  // customers with connections that vpnd does not serve
};

struct Finding {
    Kind kind = Kind::kVpndUnreachable;
    bool critical = false;
    WallTime since;        // 0 = not known
    std::string customer;  // "" = the appliance
    std::string sentence;
    std::string what_to_do;
};

// Critical findings first; empty: all is well. A customer that is not served gives one finding, with the first reason.
[[nodiscard]] std::vector<Finding> findings_of(const Situation& situation);

// That order, of findings that come from several places.
void sort(std::vector<Finding>& findings);

// What the users of these customers may see: only what concerns them, without reasons that name the appliance's files
// and devices.
[[nodiscard]] std::vector<Finding> findings_for(const std::vector<std::string>& customers,
                                                std::vector<Finding> findings);

// Whether something of this kind means that the appliance does not serve what its configuration says, as /readyz
// reports it. A customer whose sites are down is served.
[[nodiscard]] bool is_unready(Kind kind);

// "All is well." or "2 things need attention, 1 of them at once."
[[nodiscard]] std::string verdict_of(const std::vector<Finding>& findings);

}  // namespace warren::health
