#include "vpnd/listeners/wireguard/uapi.h"

#include <fmt/format.h>

#include <iterator>

#include "crypto/secret.h"

namespace warren::vpnd {

namespace {

void wipe_line(std::string& line) {
    crypto::wipe(
        MutableBytes(reinterpret_cast<std::uint8_t*>(line.data()), line.size()));  // char and uint8_t may alias
    line.clear();
}

void append_hex(std::string& out, Bytes bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const std::uint8_t byte : bytes) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
}

void append_key(std::string& out, std::string_view name, Bytes key) {
    out += name;
    out += '=';
    append_hex(out, key);
    out += '\n';
}

}  // namespace

std::optional<UapiOperation> UapiReader::feed(Bytes& bytes) {
    if (line_.capacity() < kMaxLine) line_.reserve(kMaxLine);  // a growing line would leave copies of keys behind
    while (!bytes.empty()) {
        const char byte = static_cast<char>(bytes.front());
        bytes = bytes.subspan(1);
        if (byte == '\n') {
            if (const auto operation = end_line()) return operation;
            continue;
        }
        if (line_.size() == kMaxLine) {
            wipe_line(line_);
            return UapiOperation::kMalformed;
        }
        line_ += byte;
    }
    return std::nullopt;
}

std::optional<UapiOperation> UapiReader::end_line() {
    const bool is_empty = line_.empty();
    const bool is_get = line_ == "get=1";
    const bool is_set = line_ == "set=1";
    wipe_line(line_);
    switch (state_) {
        case State::kOperation:
            if (!is_get && !is_set) return UapiOperation::kMalformed;
            state_ = is_get ? State::kGetEnd : State::kSetLines;
            return std::nullopt;
        case State::kGetEnd:
            state_ = State::kOperation;
            return is_empty ? UapiOperation::kGet : UapiOperation::kMalformed;
        case State::kSetLines:
            if (!is_empty) return std::nullopt;
            state_ = State::kOperation;
            return UapiOperation::kSet;
    }
    return UapiOperation::kMalformed;
}

void append_uapi_listener(std::string& out, const HeldListener& listener, bool with_secrets) {
    if (with_secrets)
        append_key(out, "private_key", std::get<ipc::WireguardListener>(listener.settings).private_key.secret.reveal());
    fmt::format_to(std::back_inserter(out), "listen_port={}\n", listener.port);
}

void append_uapi_peer(std::string& out, const HeldPeer& peer, const control::PeerStatus& status,
                      const io::PeerCounters& counters, bool with_secrets) {
    const auto& tunnel = std::get<ipc::WireguardPeer>(peer.config.tunnel);
    const auto to = std::back_inserter(out);
    const bool uses_next = status.uses_next_key && tunnel.next_public_key;
    append_key(out, "public_key", (uses_next ? *tunnel.next_public_key : tunnel.public_key).bytes);
    if (with_secrets) append_key(out, "preshared_key", tunnel.preshared_key.secret.reveal());
    out += "protocol_version=1\n";
    if (status.endpoint) fmt::format_to(to, "endpoint={}\n", to_string(*status.endpoint));
    const std::int64_t at = status.latest_handshake == kLongAgo ? 0 : status.latest_handshake_wall.nanoseconds;
    fmt::format_to(to, "last_handshake_time_sec={}\nlast_handshake_time_nsec={}\n", at / 1'000'000'000,
                   at % 1'000'000'000);
    fmt::format_to(to, "tx_bytes={}\nrx_bytes={}\n", counters.tx_bytes, counters.rx_bytes);
    fmt::format_to(to, "persistent_keepalive_interval={}\n", tunnel.persistent_keepalive_seconds);
    for (const Prefix& prefix : peer.config.settings.allowed_ips)
        fmt::format_to(to, "allowed_ip={}\n", to_string(prefix.network()));
}

std::size_t uapi_room(const HeldPeer& peer) {
    constexpr std::size_t fixed = 512;      // two keys, an endpoint, five numbers and their names
    constexpr std::size_t allowed_ip = 64;  // "allowed_ip=", 45 characters of address, "/128", newline
    return fixed + peer.config.settings.allowed_ips.size() * allowed_ip;
}

std::string uapi_end(int error) {
    return fmt::format("errno={}\n\n", error);
}

}  // namespace warren::vpnd
