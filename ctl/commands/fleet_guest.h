// What a node that joins takes of the answer that it gets. PURE.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "ctl/commands/fleet_host.h"
#include "ctl/files/join_token.h"

namespace warren::ctl {

// The same with each certificate alone, as it was checked, since what is written is read by others: OpenSSL trusts all
// certificates of a file. An error says why nothing of it is to be written; kFailed: what the other side said.
[[nodiscard]] Result<JoinReply> check_join_reply(const JoinToken& token, JoinReply reply, Bytes fleetd_key,
                                                 Bytes etcd_key, const crypto::PublicKey& reader);

}  // namespace warren::ctl
