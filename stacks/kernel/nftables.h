// Messages and expressions of nf_tables, as far as Warren's rules need them. PURE. Source: Linux
// include/uapi/linux/netfilter/nf_tables.h.
#pragma once

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "stacks/kernel/netlink_message.h"

namespace warren::stacks {

inline constexpr std::uint32_t kRegister = NFT_REG_1;
inline constexpr std::uint8_t kNfprotoIpv4 = 2;      // NFPROTO_IPV4
inline constexpr std::uint8_t kNfprotoIpv6 = 10;     // NFPROTO_IPV6
inline constexpr std::size_t kDeviceNameSpace = 16;  // IFNAMSIZ: what `meta iifname` loads
// nft's numbers of types, by which it prints a set's elements.
inline constexpr std::uint32_t kIpv4AddressType = 7;
inline constexpr std::uint32_t kIpv6AddressType = 8;
inline constexpr std::uint32_t kServiceType = 13;
inline constexpr std::uint32_t kMarkType = 19;
// Bits of `ct state` (Linux include/uapi/linux/netfilter/nf_conntrack_common.h).
inline constexpr std::uint32_t kCtInvalid = 1U << 0U;
inline constexpr std::uint32_t kCtNew = 1U << 3U;
// Directions of a connection.
inline constexpr std::uint8_t kOriginal = 0;
inline constexpr std::uint8_t kReply = 1;

// A field of a packet.
struct Field {
    std::uint32_t base;  // NFT_PAYLOAD_*
    std::uint32_t offset;
    std::uint32_t size;
};

[[nodiscard]] constexpr std::uint16_t nftables_type(int message) {
    return static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | message);
}
[[nodiscard]] nfgenmsg nftables_header(std::uint8_t family, std::uint16_t resource = 0);
// One that is acknowledged.
[[nodiscard]] NetlinkRequest nftables_request(std::uint8_t family, int message, int flags);

// A text that is the comment of a chain or a rule for `nft`: type, length, text with its zero. At most 254 bytes.
[[nodiscard]] std::vector<std::uint8_t> comment_data(std::string_view text);
// A part of an object's user data: the text of this type; "" when there is none.
[[nodiscard]] std::string text_in_data(Bytes user_data, std::uint8_t type);
inline constexpr std::uint8_t kCommentType = 0;  // NFTNL_UDATA_CHAIN_COMMENT and NFTNL_UDATA_RULE_COMMENT

// Writes expressions into a request whose list of expressions is open.
class Expressions {
  public:
    explicit Expressions(NetlinkRequest& request) : request_(request) {}

    template <typename Inside>
    void expression(std::string_view name, Inside inside) {
        request_.nest(NLA_F_NESTED | NFTA_LIST_ELEM, [&] {
            request_.put(NFTA_EXPR_NAME, name);
            request_.nest(NLA_F_NESTED | NFTA_EXPR_DATA, inside);
        });
    }
    void load_meta(std::uint32_t key);
    void load_field(const Field& field, std::uint32_t into = kRegister);
    void load_ct(std::uint32_t key);
    void load_ct(std::uint32_t key, std::uint8_t direction);
    void compare(Bytes value, std::uint32_t operation = NFT_CMP_EQ);
    void compare_device(std::uint32_t key, const std::string& device);
    // Of the value that was loaded only these bits.
    void mask(Bytes bits);
    // A number of four bytes in the machine's order, as `ct state` is.
    [[nodiscard]] static std::array<std::uint8_t, 4> bits(std::uint32_t value);
    // `code`: NF_ACCEPT, NFT_JUMP, ...; `chain`: for NFT_JUMP and NFT_GOTO.
    void give(std::uint32_t code, std::string_view chain = {});

  protected:
    NetlinkRequest& request_;
};

}  // namespace warren::stacks
