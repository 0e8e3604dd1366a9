// Collects messages into trains and seals them in place.
#pragma once

#include "crypto/aead.h"
#include "vpnd/dataplane/output.h"
#include "vpnd/dataplane/peer.h"

namespace warren::dataplane {

// A train takes messages of one peer, session, endpoint and traffic class, all of the same size but a shorter last one.
// One data worker.
class Egress {
  public:
    static constexpr std::size_t kTrainDatagrams = 64;  // UDP_MAX_SEGMENTS before Linux 6.9
    static constexpr std::size_t kBuffers = 64;

    explicit Egress(crypto::PacketAead& aead) : aead_(aead), pool_(kBuffers) {}

    // Where the `padded` bytes of the text go; the message takes the session's next counter. Null when all buffers are
    // in use. The caller writes every byte of the text before seal().
    [[nodiscard]] std::uint8_t* append(Instant now, const Peer& peer, Session& session, std::uint8_t traffic_class,
                                       std::size_t padded, Output& out);
    // Writes the headers of every train of `out` that is not sealed yet, and seals it. The sessions must still be
    // there.
    void seal(Output& out);
    // Trains that can still be begun.
    [[nodiscard]] std::size_t available() const { return pool_.available(); }

  private:
    [[nodiscard]] static EgressTrain* find_open(const Peer& peer, const Session& session, std::uint8_t traffic_class,
                                                std::size_t message, Output& out);
    [[nodiscard]] EgressTrain* begin(Instant now, const Peer& peer, Session& session, std::uint8_t traffic_class,
                                     std::size_t message, Output& out);

    crypto::PacketAead& aead_;
    BufferPool pool_;
};

}  // namespace warren::dataplane
