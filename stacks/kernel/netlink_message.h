// Netlink messages as bytes: written into a request, read from a reply. PURE. Source: Linux
// Documentation/userspace-api/netlink/intro.rst.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"

namespace warren::stacks {

// One request being written: nlmsghdr, the family's header, attributes. All integers in host byte order unless said
// otherwise.
class NetlinkRequest {
  public:
    // `flags` besides NLM_F_REQUEST; the sender sets the sequence number.
    template <typename Header>
    NetlinkRequest(std::uint16_t type, std::uint16_t flags, const Header& header) : NetlinkRequest(type, flags) {
        static_assert(std::is_trivially_copyable_v<Header>);
        append(Bytes(reinterpret_cast<const std::uint8_t*>(&header), sizeof header));
    }

    NetlinkRequest& put(std::uint16_t attribute, Bytes value);
    NetlinkRequest& put(std::uint16_t attribute, const IpAddress& value) { return put(attribute, value.bytes()); }
    // With its terminating zero.
    NetlinkRequest& put(std::uint16_t attribute, std::string_view value);
    template <std::unsigned_integral T>
    NetlinkRequest& put_host(std::uint16_t attribute, T value) {
        std::array<std::uint8_t, sizeof(T)> bytes;
        store_le(bytes.data(), value);  // every supported machine is little-endian
        return put(attribute, bytes);
    }
    // In network byte order, as nf_tables has it.
    NetlinkRequest& put_be32(std::uint16_t attribute, std::uint32_t value);
    NetlinkRequest& put_be64(std::uint16_t attribute, std::uint64_t value);
    // What `inside` puts becomes the value of one attribute. `prefix`: a header in front of the nested attributes.
    template <typename Inside>
    NetlinkRequest& nest(std::uint16_t attribute, Inside inside, Bytes prefix = {}) {
        const std::size_t start = open(attribute);
        append(prefix);
        inside();
        close(start);
        return *this;
    }

    void set_sequence(std::uint32_t sequence);
    // The whole message, padded; its length field is right.
    [[nodiscard]] Bytes bytes() const { return bytes_; }

  private:
    NetlinkRequest(std::uint16_t type, std::uint16_t flags);
    void append(Bytes bytes);
    std::size_t open(std::uint16_t attribute);
    void close(std::size_t start);
    void update_length();

    std::vector<std::uint8_t> bytes_;
};

struct NetlinkMessage {
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
    Bytes payload;
};

// Removes the next message from `stream`; false at the end or when what is left is malformed.
[[nodiscard]] bool next_message(Bytes& stream, NetlinkMessage& message);

struct NetlinkAttribute {
    std::uint16_t type = 0;  // without the flags for nesting and byte order
    Bytes value;

    // The value as an integer; 0 when it has another size.
    template <std::unsigned_integral T>
    [[nodiscard]] T host() const {
        return value.size() == sizeof(T) ? load_le<T>(value.data()) : T{0};
    }
    // Up to its terminating zero.
    [[nodiscard]] std::string text() const;
};

// Removes the next attribute from `stream`; false at the end or when what is left is malformed.
[[nodiscard]] bool next_attribute(Bytes& stream, NetlinkAttribute& attribute);

// What an NLMSG_ERROR says. `error` is an errno, 0 for an acknowledgement; `text` is the kernel's message, often
// absent.
struct NetlinkAnswer {
    int error = 0;
    std::string text;
};
[[nodiscard]] NetlinkAnswer parse_answer(const NetlinkMessage& message);

}  // namespace warren::stacks
