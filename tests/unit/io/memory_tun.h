// A TUN in memory: the test is the customer's stack.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "memory_readiness.h"
#include "vpnd/io/tun.h"

namespace warren::io::test {

// Outlives the loop that has it open.
class MemoryTun final : public MemoryEnd {
  public:
    using Packet = std::vector<std::uint8_t>;

    explicit MemoryTun(MemoryReadiness& readiness) : number_(readiness.number_of(*this)) {}

    // The loop's side of it. Once.
    [[nodiscard]] std::unique_ptr<Tun> open() { return std::make_unique<End>(*this); }
    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] std::uint32_t ready() const override {
        if (is_gone) return EPOLLERR | EPOLLIN;
        return from_stack.empty() ? 0 : std::uint32_t{EPOLLIN};
    }
    [[nodiscard]] bool is_open() const override { return is_open_; }

    std::deque<Packet> from_stack;  // offload header first; not read yet
    std::vector<Packet> to_stack;   // without the offload header, in order
    std::size_t writes = 0;         // as many as in `to_stack`, if it keeps them
    bool refuses = false;           // every write
    bool is_gone = false;           // the device was deleted
    dataplane::Joining joining{.tcp = true, .udp = false};
    bool refuses_whole = false;  // super-packets, whatever it says
    bool keeps_written = true;

  private:
    class End final : public Tun {
      public:
        explicit End(MemoryTun& device) : device_(device) { device_.is_open_ = true; }
        End(const End&) = delete;
        End& operator=(const End&) = delete;
        ~End() override { device_.is_open_ = false; }

        [[nodiscard]] Status prepare() override { return {}; }
        [[nodiscard]] std::size_t read(MutableBytes space) override {
            if (device_.is_gone || device_.from_stack.empty()) return 0;
            const Packet& packet = device_.from_stack.front();
            const std::size_t size = packet.size();
            WARREN_CHECK(size <= space.size());
            std::copy(packet.begin(), packet.end(), space.begin());
            device_.from_stack.pop_front();
            return size;
        }
        [[nodiscard]] Written write(const dataplane::TunWrite& write,
                                    const std::vector<dataplane::Piece>& pieces) override {
            if (device_.is_gone || device_.refuses) return Written::kNo;
            if (device_.refuses_whole && write.packets > 1) {
                const bool is_udp = write.first.bytes[9] == dataplane::kProtocolUdp;  // IPv4
                (is_udp ? device_.joining.udp : device_.joining.tcp) = false;
                return Written::kNotWhole;
            }
            ++device_.writes;
            if (!device_.keeps_written) return Written::kYes;
            Packet& packet = device_.to_stack.emplace_back();
            const dataplane::Piece* piece = &write.first;
            for (;;) {
                packet.insert(packet.end(), piece->bytes.begin(), piece->bytes.end());
                if (piece->next == dataplane::Piece::kLast) return Written::kYes;
                piece = &pieces[piece->next];
            }
        }
        [[nodiscard]] bool is_gone() override { return device_.is_gone; }
        [[nodiscard]] dataplane::Joining joining() const override { return device_.joining; }
        [[nodiscard]] int fd() const override { return device_.number_; }

      private:
        MemoryTun& device_;
    };

    const int number_;
    bool is_open_ = false;
};

}  // namespace warren::io::test
