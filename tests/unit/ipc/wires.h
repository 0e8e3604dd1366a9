// What is true of the messages of every channel.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace warren::test {

using Wire = std::vector<std::uint8_t>;

template <typename Message>
Wire wire_of(const Message& message) {
    Wire wire;
    REQUIRE(encode(message, wire));
    return wire;
}

// Encodes, decodes and encodes again: equal bytes mean that nothing was lost on the way, as every field is on the wire.
template <typename Message, typename Decode>
void check_round_trip(const std::vector<Message>& messages, Decode decode_it) {
    REQUIRE(messages.size() == std::variant_size_v<Message>);
    for (std::size_t i = 0; i < messages.size(); ++i) {
        REQUIRE(messages[i].index() == i);
        const Wire wire = wire_of(messages[i]);
        const auto decoded = decode_it(wire);
        REQUIRE(decoded);
        CHECK(decoded->index() == i);
        CHECK(wire_of(*decoded) == wire);
    }
}

template <typename Message, typename Decode>
void check_cut_and_grown(const std::vector<Message>& messages, Decode decode_it) {
    for (const Message& message : messages) {
        Wire wire = wire_of(message);
        for (std::size_t size = 0; size < wire.size(); ++size) CHECK_FALSE(decode_it(Bytes(wire).first(size)));
        wire.push_back(0);
        CHECK_FALSE(decode_it(wire));
    }
}

template <typename Message, typename Decode>
void check_bit_flips(const std::vector<Message>& messages, Decode decode_it) {
    for (const Message& message : messages) {
        const Wire wire = wire_of(message);
        for (std::size_t bit = 0; bit < wire.size() * 8; ++bit) {
            Wire flipped = wire;
            flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
            const auto decoded = decode_it(flipped);
            // What is accepted must be the only encoding of what it says: no field has two spellings.
            if (decoded) CHECK(wire_of(*decoded) == flipped);
        }
    }
}

// The fuzzers start from what is sent today. After a change of the messages run the tests once with
// WARREN_WRITE_CORPUS=1 in the environment.
template <typename Message>
void check_corpus(const std::string& corpus, const std::string& name, const std::vector<Message>& messages) {
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const std::string path = corpus + "/" + name + "/message-" + std::to_string(i);
        INFO(path);
        const Wire wire = wire_of(messages[i]);
        const std::string text(wire.begin(), wire.end());
        if (std::getenv("WARREN_WRITE_CORPUS") != nullptr) std::ofstream(path, std::ios::binary) << text;
        std::ifstream file(path, std::ios::binary);
        CHECK((std::string(std::istreambuf_iterator<char>(file), {}) == text));
    }
}

}  // namespace warren::test
