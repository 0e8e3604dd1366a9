// What an invited node asks for and what it gets. No sockets: messages come and go as values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "ctl/command.h"
#include "ctl/files/fleet_base.h"
#include "ctl/files/join_token.h"

namespace warren::ctl {

// What a node that joins says of itself.
struct JoinRequest {
    std::string node;
    std::string address;
    crypto::PublicKey reader;  // of fleet.key
    std::string fleetd;        // requests for certificates
    std::string etcd;
};
[[nodiscard]] std::string format_join_request(const JoinRequest& request);
// kInvalid: it has another form.
[[nodiscard]] Result<JoinRequest> parse_join_request(const std::string& text);

struct JoinReply {
    std::string error;  // "": none
    std::string authority;
    std::string fleetd;  // certificates
    std::string etcd;
    std::string roster;
    std::string settings;  // fleet.toml
    std::string cluster;   // etcd's; "": the new node has no member of it
    std::string member;    // etcd's id of it
};
[[nodiscard]] std::string format_join_reply(const JoinReply& reply);
[[nodiscard]] Result<JoinReply> parse_join_reply(const std::string& text);

// One invitation. Its secret serves one machine, however often that asks: the one whose keys came first.
class FleetHost {
  public:
    FleetHost(const Invocation& invocation, FleetNode own, std::string authority, crypto::SecretBuffer authority_key,
              std::string name, crypto::SecretBuffer secret);

    // The sealed answer; empty: none, since whoever asked does not know the secret. `output`: what happened.
    [[nodiscard]] std::vector<std::uint8_t> answer(Bytes sealed, Output& output);
    // Somebody came with the secret. It may have got an error, and may ask again.
    [[nodiscard]] bool was_used() const { return used_by_.has_value(); }
    // It got all that a node needs, and etcd is as it is to be for it.
    [[nodiscard]] bool has_admitted() const { return member_ != Member::kUnknown; }
    // Tries to make the learner a member. True: the node is there. One whose etcd shows nothing is when the fleet hears
    // its fleetd.
    [[nodiscard]] bool try_to_finish() const;
    // Nobody will come any more: a learner that has not become a member goes.
    void withdraw(Output& output);

  private:
    // What etcd has of the node that came, from the end of admit() on.
    enum class Member : std::uint8_t { kUnknown, kNone, kLearner, kVoter };
    struct Cluster {
        std::string id;    // of its member
        std::string text;  // what the new member is to know of all; "": there is to be none
        Member member = Member::kNone;
    };

    [[nodiscard]] Result<JoinReply> admit(const JoinRequest& request, Output& output);
    [[nodiscard]] Status check_place(const JoinRequest& request) const;
    [[nodiscard]] Status issue(const JoinRequest& request);
    [[nodiscard]] Result<Cluster> enlarge(const JoinRequest& request);
    [[nodiscard]] Result<std::string> settings_for(const JoinRequest& request, bool has_member) const;

    const Invocation& invocation_;
    FleetNode own_;
    std::string authority_;
    crypto::SecretBuffer authority_key_;
    std::string name_;
    crypto::SecretBuffer secret_;
    std::optional<JoinRequest> used_by_;
    std::string fleetd_;  // certificates that were issued
    std::string etcd_;
    std::string url_;  // of the new member, from before it is added; "": it has none
    Member member_ = Member::kUnknown;
};

}  // namespace warren::ctl
