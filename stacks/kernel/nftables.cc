#include "stacks/kernel/nftables.h"

#include <algorithm>

namespace warren::stacks {

nfgenmsg nftables_header(std::uint8_t family, std::uint16_t resource) {
    nfgenmsg out{};
    out.nfgen_family = family;
    out.version = NFNETLINK_V0;
    out.res_id = byte_swap(resource);
    return out;
}

NetlinkRequest nftables_request(std::uint8_t family, int message, int flags) {
    return {nftables_type(message), static_cast<std::uint16_t>(NLM_F_ACK | flags), nftables_header(family)};
}

std::vector<std::uint8_t> comment_data(std::string_view text) {
    std::vector<std::uint8_t> out{kCommentType, static_cast<std::uint8_t>(text.size() + 1)};
    out.insert(out.end(), text.begin(), text.end());
    out.push_back(0);
    return out;
}

std::string text_in_data(Bytes user_data, std::uint8_t type) {
    ByteReader reader(user_data);
    while (reader.ok() && !reader.rest().empty()) {
        const std::uint8_t found = reader.u8();
        const Bytes value = reader.take(reader.u8());
        if (found == type) return NetlinkAttribute{0, value}.text();
    }
    return {};
}

void Expressions::load_meta(std::uint32_t key) {
    expression("meta", [&] {
        request_.put_be32(NFTA_META_KEY, key);
        request_.put_be32(NFTA_META_DREG, kRegister);
    });
}

void Expressions::load_field(const Field& field, std::uint32_t into) {
    expression("payload", [&] {
        request_.put_be32(NFTA_PAYLOAD_DREG, into);
        request_.put_be32(NFTA_PAYLOAD_BASE, field.base);
        request_.put_be32(NFTA_PAYLOAD_OFFSET, field.offset);
        request_.put_be32(NFTA_PAYLOAD_LEN, field.size);
    });
}

void Expressions::load_ct(std::uint32_t key) {
    expression("ct", [&] {
        request_.put_be32(NFTA_CT_DREG, kRegister);
        request_.put_be32(NFTA_CT_KEY, key);
    });
}

void Expressions::load_ct(std::uint32_t key, std::uint8_t direction) {
    expression("ct", [&] {
        request_.put_be32(NFTA_CT_DREG, kRegister);
        request_.put_be32(NFTA_CT_KEY, key);
        request_.put(NFTA_CT_DIRECTION, Bytes(&direction, 1));
    });
}

void Expressions::compare(Bytes value, std::uint32_t operation) {
    expression("cmp", [&] {
        request_.put_be32(NFTA_CMP_SREG, kRegister);
        request_.put_be32(NFTA_CMP_OP, operation);
        request_.nest(NLA_F_NESTED | NFTA_CMP_DATA, [&] { request_.put(NFTA_DATA_VALUE, value); });
    });
}

void Expressions::compare_device(std::uint32_t key, const std::string& device) {
    load_meta(key);
    std::array<std::uint8_t, kDeviceNameSpace> name{};
    std::copy(device.begin(), device.end(), name.begin());
    compare(name);
}

void Expressions::mask(Bytes bits) {
    const std::vector<std::uint8_t> none(bits.size());
    expression("bitwise", [&] {
        request_.put_be32(NFTA_BITWISE_SREG, kRegister);
        request_.put_be32(NFTA_BITWISE_DREG, kRegister);
        request_.put_be32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(bits.size()));
        request_.nest(NLA_F_NESTED | NFTA_BITWISE_MASK, [&] { request_.put(NFTA_DATA_VALUE, bits); });
        request_.nest(NLA_F_NESTED | NFTA_BITWISE_XOR, [&] { request_.put(NFTA_DATA_VALUE, none); });
    });
}

std::array<std::uint8_t, 4> Expressions::bits(std::uint32_t value) {
    std::array<std::uint8_t, 4> out{};
    store_le(out.data(), value);  // every supported machine is little-endian
    return out;
}

void Expressions::give(std::uint32_t code, std::string_view chain) {
    expression("immediate", [&] {
        request_.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        request_.nest(NLA_F_NESTED | NFTA_IMMEDIATE_DATA, [&] {
            request_.nest(NLA_F_NESTED | NFTA_DATA_VERDICT, [&] {
                request_.put_be32(NFTA_VERDICT_CODE, code);
                if (!chain.empty()) request_.put(NFTA_VERDICT_CHAIN, chain);
            });
        });
    });
}

}  // namespace warren::stacks
