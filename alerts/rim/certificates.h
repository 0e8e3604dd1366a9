// When certificates end.
#pragma once

#include <cstdint>
#include <vector>

#include "alerts/model/conditions.h"
#include "base/result.h"

namespace warren::alerts {

// Of the file of ipc::AlertCertificates; what is no certificate is left out. Of several of one name all but the first
// are named with their subject, too: "certs/ca.pem (/O=Example/CN=Old CA)".
[[nodiscard]] Result<std::vector<Facts::Certificate>> read_certificates(int fd, std::size_t most);

// Since 1970. Not beyond what nanoseconds can say, the year 2262: RFC 5280 §4.1.2.5 writes "without an end" as 9999.
[[nodiscard]] WallTime wall_time_of(std::int64_t seconds);

}  // namespace warren::alerts
