// From values to bytes: a chain of payloads, and a message of them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "vpnd/ike/header.h"
#include "vpnd/ike/notify.h"
#include "vpnd/ike/payload.h"

namespace warren::ike {

// Of a message's payloads: a UDP datagram over IPv4 has 65,507 bytes, of which the non-ESP marker, the header and the
// SK payload around them take some.
inline constexpr std::size_t kMostChain = 65'000;

// A proposal to be written (RFC 7296 §3.3.1).
struct Proposal {
    std::uint8_t number = 1;
    ProtocolId protocol = ProtocolId::kIke;
    std::vector<std::uint8_t> spi;  // none, 4 or 8 bytes
    std::vector<Transform> transforms;
    auto operator<=>(const Proposal&) const = default;
};

// Payloads one behind the other, each naming the next one's type. Views are copied: nothing needs to outlive a call.
// Reserved fields are zero, critical bits are clear.
class Chain {
  public:
    Chain& sa(std::span<const Proposal> proposals);
    Chain& ke(KeyExchangeId method, Bytes public_value);
    Chain& nonce(Bytes nonce);
    // type: kIdi or kIdr
    Chain& id(PayloadType type, IdType id_type, Bytes value);
    Chain& cert(CertEncoding encoding, Bytes data);
    Chain& certreq(CertEncoding encoding, Bytes authorities);
    Chain& auth(AuthMethod method, Bytes data);
    Chain& notify(const Notify& notify);
    // The IKE_SA itself (RFC 7296 §3.11).
    Chain& delete_ike();
    // At least one SPI.
    Chain& delete_esp(std::span<const std::uint32_t> spis);
    Chain& vendor_id(Bytes id);
    // type: kTsi or kTsr. 1 to 255 selectors.
    Chain& ts(PayloadType type, std::span<const TrafficSelector> selectors);
    Chain& cp(CfgType type, std::span<const ConfigAttribute> attributes);
    Chain& eap(Bytes message);
    // A payload whose body is the caller's.
    Chain& raw(PayloadType type, Bytes body, bool is_critical = false);

    // Of the first payload; kNone when there is none.
    [[nodiscard]] PayloadType first() const { return first_; }
    [[nodiscard]] Bytes bytes() const { return bytes_; }
    // False when something did not fit its length field, or the whole grew beyond kMostChain: what is written then
    // cannot be sent.
    [[nodiscard]] bool ok() const { return ok_; }

  private:
    void begin(PayloadType type, bool is_critical = false);
    void end();
    void put(Bytes bytes);
    template <typename T>
    void put_be(T value);
    // A length or a number of things: not ok when it does not fit.
    template <typename T>
    void put_count(std::size_t value);

    std::vector<std::uint8_t> bytes_;
    std::size_t last_ = 0;  // where the last payload begins
    PayloadType first_ = PayloadType::kNone;
    bool ok_ = true;
};

// A message in the clear, of a chain that is ok(): `header` with the chain's first payload and the message's length.
[[nodiscard]] std::vector<std::uint8_t> write_message(const Header& header, const Chain& chain);

// IDi's or IDr's payload behind its generic header, as AUTH covers it (RFC 7296 §2.15).
[[nodiscard]] std::vector<std::uint8_t> id_body(IdType type, Bytes value);

}  // namespace warren::ike
