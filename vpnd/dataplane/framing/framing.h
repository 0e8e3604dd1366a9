// The form of one protocol's messages: everything that the data plane asks about it. Whatever is asked is asked once a
// train or once a super-packet, never by a virtual call per packet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "crypto/aead.h"
#include "vpnd/packet/inner_packet.h"

namespace warren::dataplane {

struct InstallSession;
struct Session;

inline constexpr std::size_t kDatagramMaximum = 65'507;  // UDP payload over IPv4, RFC 791 and RFC 768

enum class MessageKind : std::uint8_t {
    kMalformed,  // nothing of this protocol
    kControl,    // for the protocol's engine
    kData,       // of a session: carries a packet, or is empty
    kIgnored,    // means nothing (a NAT keepalive, RFC 3948 §2.3)
};

// What a message's first bytes say. Nothing of it is authentic yet.
struct MessageHead {
    std::uint64_t sequence = 0;  // as it is on the wire, which may be only a part of the counter
    SessionId session{};
    MessageKind kind = MessageKind::kMalformed;
};

// Messages of one size (the last may be shorter), one behind the other, whose text is written and whose headers are
// not.
struct SealRun {
    MutableBytes bytes;
    std::size_t stride = 0;
    const Session* session = nullptr;
    std::uint64_t first_counter = 0;
};

// A kind of control messages that strangers do not begin with: answers to ours, and those that prove that their sender
// receives at its address.
struct SolicitedMessage {
    std::uint32_t word = 0;         // the first four bytes, big-endian
    std::uint32_t proof_at = 0;     // offset of the proof
    std::uint32_t proof_words = 0;  // its length, four bytes each: all zero means none. 0: needs none
};

// How the kernel tells whose a datagram is, by its bytes: the data sockets of the workers, or a control socket.
struct Steering {
    bool has_data = true;                           // else every datagram is for a control socket
    std::uint32_t word = 0;                         // the first four bytes of a datagram, big-endian
    bool word_means_data = true;                    // a datagram that begins so carries a packet; else all others do
    std::uint32_t worker_byte = 0;                  // offset of the byte that has the worker's bits of the session's id
    std::span<const SolicitedMessage> solicited{};  // has a control socket of its own; lives as long as the program
};

struct Framing {
    std::string_view name;
    DropReason malformed = DropReason::kDatagramMalformed;           // of a message that identify() calls so
    DropReason unknown_session = DropReason::kReceiverIndexUnknown;  // of a message that names no session
    std::uint32_t header_size = 0;                                   // before the sealed text
    std::uint32_t overhead = 0;                                      // header and tag: a message without its text
    std::uint32_t inner_maximum = 0;                                 // the largest inner packet of one message
    Steering steering;
    bool tells_unknown_sessions = false;  // the engine hears of messages that name no session, now and then
    bool has_empty_messages = false;      // a message without a packet tells the peer that the session works

    // `out` has a place for each datagram.
    void (*identify)(Bytes train, std::size_t stride, std::span<MessageHead> out) = nullptr;
    // The form of the messages of a session to be installed, where it depends on its keys: all but identify() is then
    // asked of that one. It may bring the session within what the protocol allows. Null: there can be no such session.
    // A null pointer: all sessions have this form.
    const Framing* (*form_of)(InstallSession& install) = nullptr;
    // A plain protocol, as WireGuard: the sequence is the counter and the IV, there is no associated data, the text is
    // the inner packet and what follows its own length. Then the next three are null, else none of them is.
    bool is_plain = true;
    // The counter of a message of `size` bytes, whose header has a part of it. Refuses messages that none of this form
    // is like; those that pass have room for header, text and tag.
    Checked<std::uint64_t> (*counter_of)(const Session& session, std::uint64_t sequence, std::size_t size) = nullptr;
    // Writes the job's IV and associated data.
    void (*begin_open)(const Session& session, std::uint64_t counter, Bytes message, crypto::AeadJob& job) = nullptr;
    // What of an opened text is the inner packet; empty: there is none.
    Checked<MutableBytes> (*trim)(MutableBytes text) = nullptr;

    // The size of the text for an inner packet of `size` bytes in a tunnel of `mtu`. Grows with `size`.
    std::size_t (*padded_size)(std::size_t size, std::size_t mtu) = nullptr;
    // Writes what follows the inner packet up to the text's end. Up to 16 bytes behind that may be written too.
    void (*pad)(std::uint8_t* text, std::size_t size, std::size_t padded) = nullptr;
    // Writes the headers and fills the jobs, one for each message: IV, associated data, text.
    void (*begin_seal)(const SealRun& run, std::span<crypto::AeadJob> jobs) = nullptr;

    [[nodiscard]] std::size_t message_size(std::size_t inner, std::size_t mtu) const {
        return padded_size(inner, mtu) + overhead;
    }
};

// Makes the table of a struct of static functions: kName, kHeaderSize, kTrailerSize (the tag), kInnerMaximum,
// kSteering, kHasEmptyMessages, parse(Bytes), padded_size, pad, write_header(header, session, counter, job), and where
// the protocol has them counter_of, begin_open and trim, form_of, kMalformed and kUnknownSession.
template <typename Form>
struct FramingOf {
    static void identify(Bytes train, std::size_t stride, std::span<MessageHead> out) {
        for (std::size_t i = 0; i < out.size(); ++i) {
            const std::size_t at = i * stride;
            out[i] = Form::parse(train.subspan(at, std::min(stride, train.size() - at)));
        }
    }

    static void begin_seal(const SealRun& run, std::span<crypto::AeadJob> jobs) {
        std::uint8_t* message = run.bytes.data();
        std::size_t left = run.bytes.size();
        std::uint64_t counter = run.first_counter;
        for (crypto::AeadJob& job : jobs) {
            const std::size_t size = std::min(run.stride, left);
            job.text = message + Form::kHeaderSize;
            job.size = static_cast<std::uint32_t>(size - Form::kHeaderSize - Form::kTrailerSize);
            Form::write_header(message, *run.session, counter++, job);
            message += size;
            left -= size;
        }
    }

    static constexpr Framing make() {
        Framing out{.name = Form::kName,
                    .header_size = Form::kHeaderSize,
                    .overhead = Form::kHeaderSize + Form::kTrailerSize,
                    .inner_maximum = Form::kInnerMaximum,
                    .steering = Form::kSteering,
                    .has_empty_messages = Form::kHasEmptyMessages,
                    .identify = identify,
                    .padded_size = Form::padded_size,
                    .pad = Form::pad,
                    .begin_seal = begin_seal};
        if constexpr (requires { Form::kMalformed; }) {
            out.malformed = Form::kMalformed;
            out.unknown_session = Form::kUnknownSession;
            out.tells_unknown_sessions = true;
        }
        if constexpr (requires { &Form::form_of; }) out.form_of = Form::form_of;
        if constexpr (requires { &Form::counter_of; }) {
            out.is_plain = false;
            out.counter_of = Form::counter_of;
            out.begin_open = Form::begin_open;
            out.trim = Form::trim;
        }
        return out;
    }
};

template <typename Form>
inline constexpr Framing kFramingOf = FramingOf<Form>::make();

}  // namespace warren::dataplane
