#include "ipc/codec.h"

#include <algorithm>

namespace warren::ipc {

void FieldWriter::raw(Bytes bytes) {
    ok_ = ok_ && bytes.size() <= kMaxMessageSize - wire_.size();
    if (ok_) wire_.insert(wire_.end(), bytes.begin(), bytes.end());
}

std::uint8_t FieldReader::bounded(std::uint8_t last) {
    const std::uint8_t value = reader_.u8();
    if (value <= last) return value;
    ok_ = false;
    return 0;
}

std::uint32_t FieldReader::count() {
    const auto value = reader_.le<std::uint32_t>();
    if (value <= reader_.rest().size()) return value;
    ok_ = false;
    return 0;
}

void FieldReader::get(std::string& text) {
    const Bytes bytes = reader_.take(count());
    text.assign(bytes.begin(), bytes.end());
}

void FieldReader::get(IpAddress& address) {
    Family family = Family::kV4;
    get(family);
    const Bytes octets = reader_.take(family == Family::kV4 ? 4 : 16);
    address = octets.empty() ? IpAddress{} : IpAddress::from_bytes(octets);
}

void FieldReader::get(Prefix& prefix) {
    get(prefix.address);
    prefix.length = bounded(static_cast<std::uint8_t>(prefix.address.bits()));
}

void FieldReader::secret(crypto::Secret<32>& key) {
    const Bytes bytes = reader_.take(32);
    const auto to = key.writable();
    std::fill(to.begin(), to.end(), std::uint8_t{0});
    std::copy(bytes.begin(), bytes.end(), to.begin());
}

}  // namespace warren::ipc
