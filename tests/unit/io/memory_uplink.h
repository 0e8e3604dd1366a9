// An uplink in memory: the test is the network.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "memory_readiness.h"
#include "vpnd/io/uplink.h"

namespace warren::io::test {

// Outlives the loop that has it open.
class MemoryUplink final : public MemoryEnd {
  public:
    using Datagram = std::vector<std::uint8_t>;
    // Datagrams of `segment_size` bytes, of which the last may be shorter; 0: a single one.
    struct Arrival {
        Endpoint from;
        LocalAddress to;
        std::uint8_t traffic_class = 0;
        std::size_t segment_size = 0;
        std::vector<std::uint8_t> bytes;
    };
    struct Sent {
        CustomerIndex customer;
        Endpoint remote;
        LocalAddress local;
        std::uint8_t traffic_class = 0;
        bool ungrouped = false;
        std::vector<Datagram> datagrams;
    };

    explicit MemoryUplink(MemoryReadiness& readiness) : number_(readiness.number_of(*this)) {}

    // The loop's side of it. Once.
    [[nodiscard]] std::unique_ptr<Uplink> open() { return std::make_unique<End>(*this); }
    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] std::uint32_t ready() const override {
        return (arriving.empty() ? 0 : std::uint32_t{EPOLLIN}) | (room > 0 ? std::uint32_t{EPOLLOUT} : 0);
    }
    [[nodiscard]] bool is_open() const override { return is_open_; }

    std::deque<Arrival> arriving;      // not received yet
    std::vector<Sent> sent;            // in order
    std::size_t sent_trains = 0;       // as many as in `sent`, if it keeps them
    std::size_t room = SIZE_MAX;       // trains that it takes until it is full
    std::deque<SendOutcome> outcomes;  // of the next trains; after these, kSent
    bool segmentation_is_off = false;
    bool keeps_sent = true;

  private:
    class End final : public Uplink {
      public:
        explicit End(MemoryUplink& wire) : wire_(wire) { wire_.is_open_ = true; }
        End(const End&) = delete;
        End& operator=(const End&) = delete;
        ~End() override { wire_.is_open_ = false; }

        [[nodiscard]] Status prepare() override { return {}; }
        [[nodiscard]] Received receive(ReceiveBatch& into, ListenerIndex listener) override {
            Received out;
            into.begin();
            std::size_t message = 0;
            for (; message < ReceiveBatch::kMessages && !wire_.arriving.empty(); ++message) {
                const Arrival& arrival = wire_.arriving.front();
                const MutableBytes space = into.space(message);
                if (arrival.bytes.size() > space.size()) {
                    ++out.truncated;
                } else {
                    std::copy(arrival.bytes.begin(), arrival.bytes.end(), space.begin());
                    dataplane::Train& train = into.add(message, arrival.bytes.size());
                    train.listener = listener;
                    train.from = arrival.from;
                    train.to = arrival.to;
                    train.traffic_class = arrival.traffic_class;
                    train.segment_size = arrival.segment_size;
                }
                wire_.arriving.pop_front();
            }
            out.trains = into.trains();
            out.more = message == ReceiveBatch::kMessages;
            return out;
        }
        [[nodiscard]] std::size_t send(std::span<dataplane::EgressTrain> trains,
                                       std::span<SendOutcome> outcomes) override {
            std::size_t done = 0;
            for (; done < trains.size() && wire_.room > 0; ++done) {
                outcomes[done] = wire_.next_outcome();
                if (outcomes[done] == SendOutcome::kRefused) continue;
                --wire_.room;
                ++wire_.sent_trains;
                if (wire_.keeps_sent) wire_.keep(trains[done]);
            }
            return done;
        }
        [[nodiscard]] bool segmentation_is_off() const override { return wire_.segmentation_is_off; }
        [[nodiscard]] int fd() const override { return wire_.number_; }

      private:
        MemoryUplink& wire_;
    };

    [[nodiscard]] SendOutcome next_outcome() {
        if (outcomes.empty()) return SendOutcome::kSent;
        const SendOutcome out = outcomes.front();
        outcomes.pop_front();
        return out;
    }
    void keep(const dataplane::EgressTrain& train) {
        Sent& out = sent.emplace_back(
            Sent{train.customer, train.remote, train.local, train.traffic_class, train.ungrouped, {}});
        const MutableBytes bytes = train.bytes();
        for (std::size_t at = 0; at < bytes.size(); at += train.segment_size) {
            const auto one = bytes.subspan(at, std::min<std::size_t>(train.segment_size, bytes.size() - at));
            out.datagrams.emplace_back(one.begin(), one.end());
        }
    }

    const int number_;
    bool is_open_ = false;
};

}  // namespace warren::io::test
