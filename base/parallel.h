// One loop over many independent things, on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace warren {

// How many threads a loop of `count` rounds is worth: at most `most`, at most one a processor, and none for a few
// rounds.
inline std::size_t threads_for(std::size_t count, std::size_t most) {
    constexpr std::size_t kRoundsPerThread = 16;  // below, starting a thread costs more than it saves
    const std::size_t processors = std::max(std::thread::hardware_concurrency(), 1U);
    return std::clamp(count / kRoundsPerThread, std::size_t{1}, std::min(most, processors));
}

// Calls `work(thread, i)` once for each i below `count`, from `threads` threads at a time, of which the caller's is
// number 0; returns when all are done. Rounds begin in their order. `work` shall not throw, and what it changes shall
// belong to its round or its thread.
template <typename Work>
void in_parallel(std::size_t count, std::size_t threads, const Work& work) {
    std::atomic<std::size_t> next = 0;
    const auto run = [&](std::size_t thread) {
        for (std::size_t i = next++; i < count; i = next++) work(thread, i);
    };
    std::vector<std::thread> helpers;
    try {
        for (std::size_t thread = 1; thread < threads; ++thread) helpers.emplace_back(run, thread);
    } catch (const std::system_error&) {
        // No further thread can be started: the existing ones do the work.
    }
    run(0);
    for (std::thread& helper : helpers) helper.join();
}

}  // namespace warren
