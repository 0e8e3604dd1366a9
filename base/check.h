// A claim that holds unless Warren itself is wrong. Never reachable from network bytes, config text or ipc messages.
#pragma once

namespace warren {

[[noreturn]] void check_failed(const char* claim, const char* file, int line);

}  // namespace warren

#define WARREN_CHECK(claim)                                     \
    do {                                                        \
        if (!(claim)) [[unlikely]]                              \
            ::warren::check_failed(#claim, __FILE__, __LINE__); \
    } while (false)
