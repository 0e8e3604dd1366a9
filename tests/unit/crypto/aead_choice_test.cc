#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "crypto/aead.h"
#include "crypto/aead_backends.h"

namespace warren::crypto {

namespace {

constexpr std::array kAllBackends = {AeadBackend::kIpsecMb, AeadBackend::kOpenssl, AeadBackend::kSodium};

std::vector<AeadBackend> supported() {
    std::vector<AeadBackend> out;
    for (const AeadBackend backend : kAllBackends) {
        if (make_packet_aead(backend)) out.push_back(backend);
    }
    return out;
}

// A backend with one fault, around a sound one.
class Faulty : public PacketAead {
  public:
    void seal(std::span<AeadJob> jobs) override { sound_->seal(jobs); }
    void open(std::span<AeadJob> jobs) override { sound_->open(jobs); }

  protected:
    std::unique_ptr<PacketAead> sound_ = std::move(*make_packet_aead(AeadBackend::kSodium));
};

struct AcceptsAll final : Faulty {
    void open(std::span<AeadJob> jobs) override {
        sound_->open(jobs);
        for (AeadJob& job : jobs) job.authentic = true;
    }
};

struct RefusesAll final : Faulty {
    void open(std::span<AeadJob> jobs) override {
        sound_->open(jobs);
        for (AeadJob& job : jobs) job.authentic = false;
    }
};

struct LeavesTheOldResult final : Faulty {
    void open(std::span<AeadJob> jobs) override {
        for (AeadJob& job : jobs) {
            const bool before = job.authentic;
            sound_->open({&job, 1});
            job.authentic = job.authentic || before;
        }
    }
};

struct KeepsTheTextOfDamagedPackets final : Faulty {
    void open(std::span<AeadJob> jobs) override {
        for (AeadJob& job : jobs) {
            const std::vector<std::uint8_t> before(job.text, job.text + job.size);
            sound_->open({&job, 1});
            if (!job.authentic) std::copy(before.begin(), before.end(), job.text);
        }
    }
};

struct LeavesTheLastByteOfDamagedPackets final : Faulty {
    void open(std::span<AeadJob> jobs) override {
        sound_->open(jobs);
        for (AeadJob& job : jobs) {
            if (!job.authentic && job.size > 0) job.text[job.size - 1] = 1;
        }
    }
};

struct ComparesFifteenBytesOfTheTag final : Faulty {
    void open(std::span<AeadJob> jobs) override {
        for (AeadJob& job : jobs) {
            const std::vector<std::uint8_t> before(job.text, job.text + job.size + kTagSize);
            sound_->open({&job, 1});
            for (unsigned last = 0; !job.authentic && job.size < 2000 && last < 256; ++last) {
                std::copy(before.begin(), before.end(), job.text);
                job.text[job.size + kTagSize - 1] = static_cast<std::uint8_t>(last);
                sound_->open({&job, 1});
            }
        }
    }
};

struct OneDamagedPacketSpoilsTheBatch final : Faulty {
    void open(std::span<AeadJob> jobs) override {
        sound_->open(jobs);
        const bool all = std::all_of(jobs.begin(), jobs.end(), [](const AeadJob& job) { return job.authentic; });
        for (AeadJob& job : jobs) job.authentic = all;
    }
};

// Uses one key, or one counter, for the whole batch, in both directions, so that it agrees with itself.
struct TakesTheFirstKey final : Faulty {
    static std::vector<AeadJob> changed(std::span<AeadJob> jobs) {
        std::vector<AeadJob> out(jobs.begin(), jobs.end());
        for (AeadJob& job : out) job.key = out.front().key;
        return out;
    }
    void seal(std::span<AeadJob> jobs) override {
        auto all = changed(jobs);
        sound_->seal(all);
    }
    void open(std::span<AeadJob> jobs) override {
        auto all = changed(jobs);
        sound_->open(all);
        for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].authentic = all[i].authentic;
    }
};

struct HalvesTheCounter final : Faulty {
    void seal(std::span<AeadJob> jobs) override {
        std::vector<AeadJob> all(jobs.begin(), jobs.end());
        for (AeadJob& job : all) job.iv &= UINT32_MAX;
        sound_->seal(all);
    }
};

template <std::uint32_t kSize>
struct WrongAtOneLength final : Faulty {
    void seal(std::span<AeadJob> jobs) override {
        sound_->seal(jobs);
        for (AeadJob& job : jobs) {
            if (job.size == kSize) job.text[job.size / 2] ^= 0x10;
        }
    }
};

struct SealWritesPastThePacket final : Faulty {
    void seal(std::span<AeadJob> jobs) override {
        sound_->seal(jobs);
        for (AeadJob& job : jobs) job.text[job.size + kTagSize] = 0;
    }
};

struct OpenWritesPastThePacket final : Faulty {
    void open(std::span<AeadJob> jobs) override {
        sound_->open(jobs);
        for (AeadJob& job : jobs) job.text[job.size + kTagSize] = 0;
    }
};

template <typename Fault>
std::string verdict() {
    Fault faulty;
    const Status status = self_test(faulty);
    return status ? "passed" : status.error().what;
}

}  // namespace

TEST_CASE("the self-test passes a sound backend") {
    struct Sound final : Faulty {};
    CHECK(verdict<Sound>() == "passed");
}

TEST_CASE("the self-test detects a tag that is not compared, or only in part") {
    CHECK(verdict<AcceptsAll>().find("accepts a damaged packet") != std::string::npos);
    CHECK(verdict<LeavesTheOldResult>().find("accepts a damaged packet") != std::string::npos);
    CHECK(verdict<ComparesFifteenBytesOfTheTag>().find("accepts a damaged packet") != std::string::npos);
}

TEST_CASE("the self-test detects refused valid packets") {
    CHECK(verdict<RefusesAll>() != "passed");
    CHECK(verdict<OneDamagedPacketSpoilsTheBatch>().find("refuses a true tag") != std::string::npos);
}

TEST_CASE("the self-test detects text of damaged packets that is not zeroed") {
    CHECK(verdict<KeepsTheTextOfDamagedPackets>().find("not zeroed") != std::string::npos);
    CHECK(verdict<LeavesTheLastByteOfDamagedPackets>().find("not zeroed") != std::string::npos);
}

TEST_CASE("the self-test detects one key for a whole batch, and a truncated counter") {
    CHECK(verdict<TakesTheFirstKey>().find("differs") != std::string::npos);
    CHECK(verdict<HalvesTheCounter>().find("differs") != std::string::npos);
}

TEST_CASE("the self-test detects a fault at a single length") {
    CHECK(verdict<WrongAtOneLength<1>>().find("(1 bytes)") != std::string::npos);
    CHECK(verdict<WrongAtOneLength<257>>().find("(257 bytes)") != std::string::npos);
    CHECK(verdict<WrongAtOneLength<1025>>().find("(1025 bytes)") != std::string::npos);
    CHECK(verdict<WrongAtOneLength<1420>>().find("(1420 bytes)") != std::string::npos);
    CHECK(verdict<WrongAtOneLength<65488>>().find("(65488 bytes)") != std::string::npos);
}

TEST_CASE("the self-test detects writes past the packet") {
    CHECK(verdict<SealWritesPastThePacket>().find("past the packet") != std::string::npos);
    CHECK(verdict<OpenWritesPastThePacket>().find("past the packet") != std::string::npos);
}

TEST_CASE("every backend has its own name") {
    CHECK(name_of(AeadBackend::kIpsecMb) == "ipsec-mb");
    CHECK(name_of(AeadBackend::kOpenssl) == "openssl");
    CHECK(name_of(AeadBackend::kSodium) == "sodium");
}

TEST_CASE("the name of the choice tells whether lanes are in use") {
    CHECK(name_of(AeadChoice{.backend = AeadBackend::kIpsecMb}) == "ipsec-mb");
    CHECK(name_of(AeadChoice{.backend = AeadBackend::kIpsecMb, .has_lanes = true}) == "ipsec-mb+lanes");
}

TEST_CASE("an unknown backend is unsupported") {
    const auto aead = make_packet_aead(static_cast<AeadBackend>(200));
    REQUIRE_FALSE(aead);
    CHECK(aead.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("the fastest backend is chosen") {
    // A clock on which the backend of this turn has batches of 10 us and all others of 50 us. Each is timed for 20 ms;
    // away from the edges of a turn it is certain whose batch it is.
    static std::int64_t now;
    static std::size_t calls;
    static std::size_t fast_turn;
    const auto clock = [] {
        const std::int64_t into_turn = now - static_cast<std::int64_t>(fast_turn) * 20'000'000;
        ++calls;
        now += into_turn > 5'000'000 && into_turn < 15'000'000 ? 10'000 : 50'000;
        return now;
    };
    const std::vector<AeadBackend> backends = supported();
    for (fast_turn = 0; fast_turn < backends.size(); ++fast_turn) {
        now = 0;
        calls = 0;
        const auto choice = choose_backend(clock);
        REQUIRE(choice);
        CHECK(choice->backend == backends[fast_turn]);
        CHECK(choice->nanoseconds_per_packet == doctest::Approx(10'000.0 / 44));
        CHECK(calls > 1000);
    }
}

TEST_CASE("a backend that fails its self-test is not chosen, even if it is the fastest") {
    struct Idle final : PacketAead {
        void seal(std::span<AeadJob> /*jobs*/) override {}
        void open(std::span<AeadJob> /*jobs*/) override {}
    };
    std::vector<AeadCandidate> candidates;
    candidates.push_back({AeadBackend::kIpsecMb, std::make_unique<Idle>()});
    candidates.push_back({AeadBackend::kOpenssl, fail(ErrorCode::kUnsupported, "not on this machine")});
    const auto clock = []() -> std::int64_t { return 0; };

    const auto none = choose_among(candidates, clock);
    REQUIRE_FALSE(none);
    CHECK(none.error().code == ErrorCode::kUnsupported);
    CHECK(none.error().what.find("ipsec-mb: known-answer test") != std::string::npos);
    CHECK(none.error().what.find("openssl: not on this machine") != std::string::npos);

    candidates.push_back({AeadBackend::kSodium, make_packet_aead(AeadBackend::kSodium)});
    const auto choice = choose_among(candidates, clock);
    REQUIRE(choice);
    CHECK(choice->backend == AeadBackend::kSodium);
}

TEST_CASE("without any backend nothing is chosen") {
    CHECK_FALSE(choose_among({}, []() -> std::int64_t { return 0; }));
}

TEST_CASE("the calibration ends even if the clock stands still") {
    const auto choice = choose_backend([]() -> std::int64_t { return 42; });
    REQUIRE(choice);
    CHECK(choice->nanoseconds_per_packet == 0);
}

}  // namespace warren::crypto
