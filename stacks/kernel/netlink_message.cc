#include "stacks/kernel/netlink_message.h"

#include <algorithm>

namespace warren::stacks {

namespace {

constexpr std::size_t kAttributeHeader = sizeof(nlattr);
constexpr std::uint16_t kTypeMask = 0x3fff;  // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

std::size_t aligned(std::size_t size) {
    return (size + 3) & ~std::size_t{3};
}

}  // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags) {
    bytes_.reserve(256);
    bytes_.resize(sizeof(nlmsghdr));
    store_le<std::uint16_t>(bytes_.data() + offsetof(nlmsghdr, nlmsg_type), type);
    store_le<std::uint16_t>(bytes_.data() + offsetof(nlmsghdr, nlmsg_flags),
                            static_cast<std::uint16_t>(flags | NLM_F_REQUEST));
    update_length();
}

void NetlinkRequest::update_length() {
    store_le<std::uint32_t>(bytes_.data(), static_cast<std::uint32_t>(bytes_.size()));
}

void NetlinkRequest::append(Bytes bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.resize(aligned(bytes_.size()));
    update_length();
}

std::size_t NetlinkRequest::open(std::uint16_t attribute) {
    const std::size_t start = bytes_.size();
    bytes_.resize(start + kAttributeHeader);
    store_le<std::uint16_t>(bytes_.data() + start + 2, attribute);
    return start;
}

void NetlinkRequest::close(std::size_t start) {
    store_le<std::uint16_t>(bytes_.data() + start, static_cast<std::uint16_t>(bytes_.size() - start));
    bytes_.resize(aligned(bytes_.size()));
    update_length();
}

NetlinkRequest& NetlinkRequest::put(std::uint16_t attribute, Bytes value) {
    const std::size_t start = open(attribute);
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    close(start);
    return *this;
}

NetlinkRequest& NetlinkRequest::put(std::uint16_t attribute, std::string_view value) {
    const std::size_t start = open(attribute);
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    bytes_.push_back(0);
    close(start);
    return *this;
}

NetlinkRequest& NetlinkRequest::put_be32(std::uint16_t attribute, std::uint32_t value) {
    std::array<std::uint8_t, 4> bytes;
    store_be(bytes.data(), value);
    return put(attribute, bytes);
}

NetlinkRequest& NetlinkRequest::put_be64(std::uint16_t attribute, std::uint64_t value) {
    std::array<std::uint8_t, 8> bytes;
    store_be(bytes.data(), value);
    return put(attribute, bytes);
}

void NetlinkRequest::set_sequence(std::uint32_t sequence) {
    store_le(bytes_.data() + offsetof(nlmsghdr, nlmsg_seq), sequence);
}

bool next_message(Bytes& stream, NetlinkMessage& message) {
    ByteReader reader(stream);
    const auto length = reader.le<std::uint32_t>();
    message.type = reader.le<std::uint16_t>();
    message.flags = reader.le<std::uint16_t>();
    message.sequence = reader.le<std::uint32_t>();
    reader.le<std::uint32_t>();  // the port
    if (!reader.ok() || length < sizeof(nlmsghdr)) return false;
    message.payload = reader.take(length - sizeof(nlmsghdr));
    if (!reader.ok()) return false;
    stream = stream.subspan(std::min(aligned(length), stream.size()));
    return true;
}

bool next_attribute(Bytes& stream, NetlinkAttribute& attribute) {
    ByteReader reader(stream);
    const auto length = reader.le<std::uint16_t>();
    attribute.type = static_cast<std::uint16_t>(reader.le<std::uint16_t>() & kTypeMask);
    if (!reader.ok() || length < kAttributeHeader) return false;
    attribute.value = reader.take(length - kAttributeHeader);
    if (!reader.ok()) return false;
    stream = stream.subspan(std::min(aligned(length), stream.size()));
    return true;
}

std::string NetlinkAttribute::text() const {
    const auto end = std::find(value.begin(), value.end(), 0);
    return {value.begin(), end};
}

NetlinkAnswer parse_answer(const NetlinkMessage& message) {
    ByteReader reader(message.payload);
    NetlinkAnswer answer;
    answer.error = static_cast<int>(0U - reader.le<std::uint32_t>());
    const auto request_length = reader.le<std::uint32_t>();
    reader.take(sizeof(nlmsghdr) - sizeof(std::uint32_t));
    if ((message.flags & NLM_F_ACK_TLVS) == 0) return answer;
    // Without NLM_F_CAPPED the request's payload is repeated before the attributes.
    if ((message.flags & NLM_F_CAPPED) == 0)
        reader.take(aligned(std::max<std::size_t>(request_length, sizeof(nlmsghdr))) - sizeof(nlmsghdr));
    Bytes rest = reader.rest();
    NetlinkAttribute attribute;
    while (next_attribute(rest, attribute)) {
        if (attribute.type == NLMSGERR_ATTR_MSG) answer.text = attribute.text();
    }
    return answer;
}

}  // namespace warren::stacks
