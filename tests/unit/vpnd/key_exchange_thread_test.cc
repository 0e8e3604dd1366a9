// Key exchanges on a thread of their own: what is posted comes back, once, unless it was forgotten.
#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <variant>
#include <vector>

#include "crypto/random.h"
#include "vpnd/listeners/ike/key_exchange_thread.h"

using namespace warren;
using Answered = vpnd::KeyExchangeThread::Answered;

namespace {

constexpr auto kMethod = crypto::KeyExchangeMethod::kX25519;

std::vector<Answered> wait_for(vpnd::KeyExchangeThread& thread, std::size_t count) {
    std::vector<Answered> out;
    while (out.size() < count) {
        pollfd waiting{thread.fd(), POLLIN, 0};
        REQUIRE(::poll(&waiting, 1, 20'000) == 1);
        for (Answered& one : thread.take()) out.push_back(std::move(one));
    }
    return out;
}

ike::KeyExchangeAnswer& answer_of(Answered& answered) {
    return std::get<ike::KeyExchangeAnswer>(answered.answer);
}

std::vector<std::uint8_t> value_of(const crypto::EphemeralKey& key) {
    const Bytes value = key.public_value();
    return {value.begin(), value.end()};
}

}  // namespace

TEST_CASE("both sides of a key exchange come to one secret, in the order in which they asked") {
    crypto::SystemRandom random;
    auto thread = std::move(*vpnd::KeyExchangeThread::start(random));
    thread->post(7, {kMethod, {}, {}}, false);
    thread->post(8, {kMethod, {}, {}}, false);
    auto keys = wait_for(*thread, 2);
    CHECK(keys[0].id == 7);
    CHECK(keys[1].id == 8);
    CHECK(answer_of(keys[0]).secret.empty());
    auto ours = value_of(answer_of(keys[0]).key);
    auto theirs = value_of(answer_of(keys[1]).key);
    CHECK(ours != theirs);

    thread->post(9, {kMethod, std::move(answer_of(keys[0]).key), theirs}, false);
    thread->post(10, {kMethod, std::move(answer_of(keys[1]).key), ours}, false);
    auto secrets = wait_for(*thread, 2);
    CHECK_FALSE(answer_of(secrets[0]).secret.empty());
    CHECK(answer_of(secrets[0]).secret == answer_of(secrets[1]).secret);
}

TEST_CASE("a value that is none of the group's gives no secret") {
    crypto::SystemRandom random;
    auto thread = std::move(*vpnd::KeyExchangeThread::start(random));
    thread->post(1, {kMethod, {}, std::vector<std::uint8_t>(32)}, false);  // all zero: RFC 7748 §6.1
    auto done = wait_for(*thread, 1);
    CHECK(answer_of(done[0]).secret.empty());
}

TEST_CASE("what was forgotten is not answered, what comes after it is") {
    crypto::SystemRandom random;
    auto thread = std::move(*vpnd::KeyExchangeThread::start(random));
    for (ike::AskId id = 1; id <= 64; ++id) thread->post(id, {kMethod, {}, {}}, false);
    thread->forget_all();
    thread->post(100, {kMethod, {}, {}}, false);
    const auto done = wait_for(*thread, 1);
    REQUIRE(done.size() == 1);
    CHECK(done[0].id == 100);
}

TEST_CASE("what may wait comes after all else") {
    crypto::SystemRandom random;
    auto thread = std::move(*vpnd::KeyExchangeThread::start(random));
    constexpr ike::AskId kWaiting = 200;
    // The first of them may be under way before the others come.
    for (ike::AskId id = 1; id <= kWaiting; ++id) thread->post(id, {kMethod, {}, {}}, true);
    for (ike::AskId id = 1001; id <= 1010; ++id) thread->post(id, {kMethod, {}, {}}, false);
    const auto done = wait_for(*thread, kWaiting + 10);
    const auto place_of = [&done](ike::AskId id) {
        return std::find_if(done.begin(), done.end(), [id](const Answered& one) { return one.id == id; }) -
               done.begin();
    };
    CHECK(place_of(1010) < place_of(kWaiting));
    CHECK(place_of(1001) < place_of(1010));
}
