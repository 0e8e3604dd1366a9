#include "base/process_usage.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace warren;

TEST_CASE("processor time is of this thread alone, or of all, gone ones too") {
    constexpr Duration kSpent = std::chrono::milliseconds(200);
    const ProcessUsage usage = ProcessUsage::open();
    const Duration own = thread_processor_time();
    const Duration all = usage.processor_time();
    std::thread([kSpent] {
        while (thread_processor_time() < kSpent) continue;
    }).join();
    CHECK(usage.processor_time() - all >= kSpent);
    // To start a thread costs something too, under a sanitizer some milliseconds.
    CHECK(thread_processor_time() - own < kSpent / 2);
}

TEST_CASE("resident memory grows with what is touched, and is not known without a file to read it from") {
    constexpr std::size_t kSize = std::size_t{64} << 20;
    const ProcessUsage usage = ProcessUsage::open();
    const std::uint64_t before = usage.resident_bytes();
    std::vector<unsigned char> touched(kSize, 1);
    CHECK(before > 0);
    CHECK(usage.resident_bytes() >= before + kSize * 9 / 10);
    CHECK(touched.back() == 1);
    CHECK(ProcessUsage().resident_bytes() == 0);
}
