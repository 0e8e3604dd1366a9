#include "ipc/capture.h"

#include <algorithm>

#include "base/check.h"

namespace warren::ipc {

namespace {

// Of the second byte.
constexpr std::uint8_t kOutbound = 1;
constexpr std::uint8_t kDrop = 2;
constexpr std::uint8_t kV6 = 4;  // of both endpoints
constexpr std::uint8_t kAllFlags = kOutbound | kDrop | kV6;

constexpr std::size_t kInnerAt = 4;  // sizes
constexpr std::size_t kOuterAt = 8;
constexpr std::size_t kPeerAt = 12;
constexpr std::size_t kNoteAt = 13;
constexpr std::size_t kTrafficClassAt = 14;
constexpr std::size_t kTimeAt = 16;
constexpr std::size_t kSequenceAt = 24;
constexpr std::size_t kSentAt = 32;
constexpr std::size_t kLostAt = 40;
constexpr std::size_t kSessionAt = 48;
constexpr std::size_t kRemotePortAt = 52;
constexpr std::size_t kLocalPortAt = 54;
constexpr std::size_t kRemoteAt = 56;
constexpr std::size_t kLocalAt = 72;
static_assert(kLocalAt + 16 == CaptureRecord::kHeaderSize);

IpAddress address_at(Bytes wire, std::size_t at, bool is_v6) {
    return IpAddress::from_bytes(wire.subspan(at, is_v6 ? 16 : 4));
}

void put_address(std::uint8_t* to, const IpAddress& address) {
    const Bytes bytes = address.bytes();
    std::copy(bytes.begin(), bytes.end(), to);
}

}  // namespace

std::array<std::uint8_t, CaptureRecord::kHeaderSize> header_of(const CaptureRecord& record) {
    WARREN_CHECK(record.inner.size() <= CaptureRecord::kMostBytes && record.outer.size() <= CaptureRecord::kMostBytes);
    WARREN_CHECK(record.peer.size() <= CaptureRecord::kMostText && record.note.size() <= CaptureRecord::kMostText);
    std::array<std::uint8_t, CaptureRecord::kHeaderSize> out{};
    const bool is_v6 = record.remote.address.family == Family::kV6;
    out[0] = static_cast<std::uint8_t>(record.kind);
    out[1] = static_cast<std::uint8_t>((record.is_outbound ? kOutbound : 0) | (record.is_drop ? kDrop : 0) |
                                       (is_v6 ? kV6 : 0));
    out[2] = static_cast<std::uint8_t>(record.form);
    store_be(out.data() + kInnerAt, static_cast<std::uint32_t>(record.inner.size()));
    store_be(out.data() + kOuterAt, static_cast<std::uint32_t>(record.outer.size()));
    out[kPeerAt] = static_cast<std::uint8_t>(record.peer.size());
    out[kNoteAt] = static_cast<std::uint8_t>(record.note.size());
    out[kTrafficClassAt] = record.traffic_class;
    store_be(out.data() + kTimeAt, static_cast<std::uint64_t>(record.at.nanoseconds));
    store_be(out.data() + kSequenceAt, record.sequence);
    store_be(out.data() + kSentAt, record.sent);
    store_be(out.data() + kLostAt, record.lost);
    store_be(out.data() + kSessionAt, record.session);
    store_be(out.data() + kRemotePortAt, record.remote.port);
    store_be(out.data() + kLocalPortAt, record.local.port);
    put_address(out.data() + kRemoteAt, record.remote.address);
    // An unspecified one may be of the other family.
    if (record.local.address.family == record.remote.address.family)
        put_address(out.data() + kLocalAt, record.local.address);
    return out;
}

std::vector<std::uint8_t> encode(const CaptureRecord& record) {
    const auto header = header_of(record);
    std::vector<std::uint8_t> out(header.begin(), header.end());
    out.insert(out.end(), record.inner.begin(), record.inner.end());
    out.insert(out.end(), record.outer.begin(), record.outer.end());
    out.insert(out.end(), record.peer.begin(), record.peer.end());
    out.insert(out.end(), record.note.begin(), record.note.end());
    return out;
}

Result<CaptureRecord> decode_capture(Bytes wire) {
    const auto refuse = [] { return fail(ErrorCode::kInvalid, "a malformed record of a packet"); };
    if (wire.size() < CaptureRecord::kHeaderSize) return refuse();
    CaptureRecord out;
    if (wire[0] > static_cast<std::uint8_t>(CaptureKind::kRefused) || (wire[1] & ~kAllFlags) != 0 ||
        wire[2] > static_cast<std::uint8_t>(CaptureForm::kEsp))
        return refuse();
    out.kind = static_cast<CaptureKind>(wire[0]);
    out.is_outbound = (wire[1] & kOutbound) != 0;
    out.is_drop = (wire[1] & kDrop) != 0;
    out.form = static_cast<CaptureForm>(wire[2]);
    const std::uint64_t inner = load_be<std::uint32_t>(wire.data() + kInnerAt);
    const std::uint64_t outer = load_be<std::uint32_t>(wire.data() + kOuterAt);
    const std::size_t peer = wire[kPeerAt];
    const std::size_t note = wire[kNoteAt];
    if (inner > CaptureRecord::kMostBytes || outer > CaptureRecord::kMostBytes ||
        CaptureRecord::kHeaderSize + inner + outer + peer + note != wire.size())
        return refuse();
    out.traffic_class = wire[kTrafficClassAt];
    out.at.nanoseconds = static_cast<std::int64_t>(load_be<std::uint64_t>(wire.data() + kTimeAt));
    out.sequence = load_be<std::uint64_t>(wire.data() + kSequenceAt);
    out.sent = load_be<std::uint64_t>(wire.data() + kSentAt);
    out.lost = load_be<std::uint64_t>(wire.data() + kLostAt);
    out.session = load_be<std::uint32_t>(wire.data() + kSessionAt);
    const bool is_v6 = (wire[1] & kV6) != 0;
    out.remote = {address_at(wire, kRemoteAt, is_v6), load_be<std::uint16_t>(wire.data() + kRemotePortAt), 0};
    out.local = {address_at(wire, kLocalAt, is_v6), load_be<std::uint16_t>(wire.data() + kLocalPortAt), 0};
    Bytes rest = wire.subspan(CaptureRecord::kHeaderSize);
    const auto take = [&rest](std::size_t size) {
        const Bytes taken = rest.first(size);
        rest = rest.subspan(size);
        return taken;
    };
    const auto text_of = [](Bytes bytes) {
        return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    out.inner = take(inner);
    out.outer = take(outer);
    out.peer = text_of(take(peer));
    out.note = text_of(take(note));
    return out;
}

}  // namespace warren::ipc
