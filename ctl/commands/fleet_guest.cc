#include "ctl/commands/fleet_guest.h"

#include <string>
#include <utility>

#include "base/printable.h"
#include "crypto/authority.h"
#include "ctl/commands/fleet_identity.h"
#include "ctl/files/roster.h"

namespace warren::ctl {

Result<JoinReply> check_join_reply(const JoinToken& token, JoinReply reply, Bytes fleetd_key, Bytes etcd_key,
                                   const crypto::PublicKey& reader) {
    if (!reply.error.empty()) return fail(ErrorCode::kFailed, printable(reply.error));
    for (std::string* each : {&reply.authority, &reply.fleetd, &reply.etcd}) {
        auto alone = crypto::certificate_alone(*each);
        if (!alone) return with_context("the answer", alone.error());
        *each = std::move(*alone);
    }
    const auto authority = crypto::view_certificate(reply.authority);
    if (!authority || authority->fingerprint.substr(0, kTokenFingerprint) != token.fingerprint)
        return fail(ErrorCode::kPermission, "the authority is another one than the token names");
    const std::pair<const std::string&, Bytes> certificates[] = {{reply.fleetd, fleetd_key}, {reply.etcd, etcd_key}};
    for (const auto& [certificate, key] : certificates) {
        if (!crypto::is_issued_by(certificate, reply.authority) || !crypto::is_certificate_of(certificate, key))
            return fail(ErrorCode::kPermission, "a certificate is not of the fleet's authority, or not for this node");
    }
    const auto roster = verify_roster(reply.roster, reply.authority);
    if (!roster) return tl::unexpected<Error>(roster.error());
    const auto own = roster->readers.find(token.node);
    if (own == roster->readers.end() || own->second != reader)
        return fail(ErrorCode::kPermission, "the list of the fleet's nodes does not have this one");
    const bool is_member = !reply.cluster.empty();
    if (!is_node_name(token.node) || (is_member && (!is_cluster(reply.cluster) || !is_member_id(reply.member))))
        return fail(ErrorCode::kInvalid, "the answer has a name of a node or of a member of etcd that is none");
    return reply;
}

}  // namespace warren::ctl
