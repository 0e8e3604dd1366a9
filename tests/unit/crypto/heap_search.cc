#include "tests/unit/crypto/heap_search.h"

#include <sys/mman.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace warren::test {

int times_in_heap(Bytes wanted) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (!line.ends_with("[heap]")) continue;
        char* end = nullptr;
        const auto first = std::strtoull(line.c_str(), &end, 16);
        const auto last = std::strtoull(end + 1, nullptr, 16);
        std::ifstream memory("/proc/self/mem", std::ios::binary);
        memory.seekg(static_cast<std::streamoff>(first));
        // Outside the heap, otherwise the copy would be counted too.
        const std::size_t size = last - first;
        void* const copy = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (copy == MAP_FAILED || !memory.read(static_cast<char*>(copy), static_cast<std::streamsize>(size))) return -1;
        const std::string_view all(static_cast<const char*>(copy), size);
        const std::string_view part(reinterpret_cast<const char*>(wanted.data()), wanted.size());
        int count = 0;
        for (std::size_t at = all.find(part); at != std::string_view::npos; at = all.find(part, at + 1)) ++count;
        ::munmap(copy, size);
        return count;
    }
    return -1;
}

}  // namespace warren::test
