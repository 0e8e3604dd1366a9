// What is in a payload behind its generic header; used by reader.cc only.
#pragma once

#include <tl/expected.hpp>

#include "base/bytes.h"
#include "vpnd/ike/flaw.h"
#include "vpnd/ike/payload.h"

namespace warren::ike {

using Parsed = tl::expected<Payload, Misfit>;

[[nodiscard]] Parsed parse_sa(Bytes body);
[[nodiscard]] Parsed parse_ke(Bytes body);
[[nodiscard]] Parsed parse_idi(Bytes body);
[[nodiscard]] Parsed parse_idr(Bytes body);
[[nodiscard]] Parsed parse_cert(Bytes body);
[[nodiscard]] Parsed parse_certreq(Bytes body);
[[nodiscard]] Parsed parse_auth(Bytes body);
[[nodiscard]] Parsed parse_nonce(Bytes body);
[[nodiscard]] Parsed parse_notify(Bytes body);
[[nodiscard]] Parsed parse_delete(Bytes body);
[[nodiscard]] Parsed parse_tsi(Bytes body);
[[nodiscard]] Parsed parse_tsr(Bytes body);
[[nodiscard]] Parsed parse_cp(Bytes body);
[[nodiscard]] Parsed parse_eap(Bytes body);
// `associated`: the message before the body. SKF's fragment numbers are before the IV too, so they belong to it.
[[nodiscard]] Parsed parse_skf(PayloadType first, Bytes associated, Bytes body);

}  // namespace warren::ike
