// Writes records of packets to the socket of whoever watches them (ipc/capture.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/fd.h"
#include "ipc/capture.h"
#include "vpnd/io/tap.h"

namespace warren::vpnd {

// Any thread. Never waits for the reader: what does not fit into the socket is lost, and counted.
class CaptureSink final : public io::TapSink {
  public:
    explicit CaptureSink(UniqueFd socket) : socket_(std::move(socket)) {}

    bool take(const io::TapRecord& record) override;
    void lose(std::uint64_t packets) override { lost_.fetch_add(packets, std::memory_order_relaxed); }
    // A record without a packet; it is not counted. False: there is no room now, say it again when the socket is
    // writable; else it was said, or nobody listens any more.
    bool say(ipc::CaptureKind kind, std::string_view note);

    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

  private:
    [[nodiscard]] bool send(const ipc::CaptureRecord& record);

    UniqueFd socket_;
    std::atomic<std::uint64_t> sent_{0};
    std::atomic<std::uint64_t> lost_{0};
};

}  // namespace warren::vpnd
