#include "vpnd/wireguard/output.h"

namespace warren::wireguard {

control::Record to_record(const TimestampAccepted& accepted) {
    control::Record record{accepted.peer, {}};
    record.bytes.assign(accepted.public_key.bytes.begin(), accepted.public_key.bytes.end());
    record.bytes.insert(record.bytes.end(), accepted.timestamp.bytes.begin(), accepted.timestamp.bytes.end());
    return record;
}

std::optional<TimestampAccepted> timestamp_of(const control::Record& record) {
    ByteReader reader(record.bytes);
    TimestampAccepted accepted{record.peer, {}, {}};
    accepted.public_key.bytes = reader.array<32>();
    accepted.timestamp.bytes = reader.array<12>();
    if (!reader.finished()) return std::nullopt;
    return accepted;
}

control::Record to_record(const TimestampsReserved& reserved) {
    return {PeerIndex{}, {reserved.until.bytes.begin(), reserved.until.bytes.end()}};
}

std::optional<TimestampsReserved> reservation_of(const control::Record& record) {
    ByteReader reader(record.bytes);
    TimestampsReserved reserved{{reader.array<12>()}};
    if (!reader.finished()) return std::nullopt;
    return reserved;
}

}  // namespace warren::wireguard
