// vpnd -> vpnctl: a record of a packet that decodes is whole, and encodes to one that says the same.
#include <algorithm>

#include "base/check.h"
#include "ipc/capture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto record = warren::ipc::decode_capture({data, size});
    if (!record) return 0;
    const auto wire = warren::ipc::encode(*record);
    WARREN_CHECK(wire.size() == size);
    const auto again = warren::ipc::decode_capture(wire);
    WARREN_CHECK(again.has_value());
    WARREN_CHECK(std::equal(record->inner.begin(), record->inner.end(), again->inner.begin(), again->inner.end()));
    WARREN_CHECK(again->note == record->note && again->peer == record->peer && again->remote == record->remote);
    return 0;
}
