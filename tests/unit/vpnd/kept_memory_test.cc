// Memory that came from outside is used only when nobody can take it away.
#include "vpnd/kept_memory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/fd.h"

using namespace warren;
using dataplane::KeptSession;
using vpnd::KeptMemory;

namespace {

constexpr int kFixed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

UniqueFd memory_file(std::size_t size, int seals = kFixed) {
    UniqueFd file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    REQUIRE(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
    if (seals != 0) REQUIRE(::fcntl(file.get(), F_ADD_SEALS, seals) == 0);
    return file;
}

// The flags of the mapping that has this address, from proc(5)'s /proc/self/smaps.
std::string flags_of(const void* address) {
    std::ifstream maps("/proc/self/smaps");
    bool is_it = false;
    for (std::string line; std::getline(maps, line);) {
        const std::size_t dash = line.find('-');
        if (dash != std::string::npos && line.find_first_not_of("0123456789abcdef") == dash)
            is_it = std::strtoull(line.c_str(), nullptr, 16) == reinterpret_cast<std::uintptr_t>(address);
        if (is_it && line.starts_with("VmFlags:")) return line + " ";
    }
    return "";
}

}  // namespace

TEST_CASE("what one process writes is there for the next, with the same file and no other") {
    const UniqueFd file = memory_file(8 * sizeof(KeptSession));
    {
        const auto first = KeptMemory::map(file.duplicate());
        REQUIRE(first);
        CHECK(first->table().size() == 8);
        first->table()[3].reserved.store(77);
    }
    auto second = KeptMemory::map(file.duplicate());
    REQUIRE(second);
    CHECK(second->table()[3].reserved.load() == 77);
    second->clear();
    CHECK(second->table()[3].reserved.load() == 0);
    const auto other = KeptMemory::map(memory_file(8 * sizeof(KeptSession)));
    REQUIRE(other);
    CHECK(other->table()[3].reserved.load() == 0);
}

TEST_CASE("what is behind the first 64 MB is IKE's, and cleared alone or with the rest") {
    constexpr std::size_t kBefore = 64 << 20;
    CHECK(KeptMemory::map(memory_file(kBefore))->sas().empty());
    CHECK(KeptMemory::map(memory_file(kBefore + sizeof(ike::KeptSa)))->sas().empty());
    auto memory = KeptMemory::map(memory_file(kBefore + 3 * sizeof(ike::KeptSa)));
    REQUIRE(memory);
    CHECK(memory->table().size() == std::size_t{1} << 18);
    REQUIRE(memory->sas().size() == 3);
    REQUIRE(KeptMemory::lock(memory->sas()));
    memory->table().back().reserved.store(77);
    memory->sas().back().record.back() = 7;
    memory->clear_sas();
    CHECK(memory->sas().back().record.back() == 0);
    CHECK(memory->table().back().reserved.load() == 77);
    memory->sas().front().record.front() = 7;
    memory->clear();
    CHECK(memory->sas().front().record.front() == 0);
    CHECK(memory->table().back().reserved.load() == 0);
}

TEST_CASE("locked memory is cleared too, as an unlimited vpnd has it") {
    auto memory = KeptMemory::map(memory_file(1 << 20));
    REQUIRE(memory);
    REQUIRE(KeptMemory::lock(memory->table()));
    memory->table()[3].reserved.store(77);
    memory->clear();
    CHECK(memory->table()[3].reserved.load() == 0);
}

TEST_CASE("it is locked, and not in a core file") {
    const auto memory = KeptMemory::map(memory_file(1 << 20));
    REQUIRE(memory);
    REQUIRE(KeptMemory::lock(memory->table()));
    const std::string flags = flags_of(memory->table().data());
    CHECK(flags.find(" lo ") != std::string::npos);
    CHECK(flags.find(" dd ") != std::string::npos);
}

TEST_CASE("a file that somebody could shorten, that cannot be written, or is too small, is refused") {
    CHECK_FALSE(KeptMemory::map(memory_file(4096, 0)));
    CHECK_FALSE(KeptMemory::map(memory_file(4096, F_SEAL_GROW | F_SEAL_SEAL)));
    CHECK_FALSE(KeptMemory::map(memory_file(4096, kFixed | F_SEAL_WRITE)));
    CHECK_FALSE(KeptMemory::map(memory_file(0)));
    CHECK_FALSE(KeptMemory::map(memory_file(2 * sizeof(KeptSession) - 1)));
    CHECK_FALSE(KeptMemory::map(UniqueFd(::open("/dev/zero", O_RDWR | O_CLOEXEC))));
    CHECK_FALSE(KeptMemory::map(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC))));
    CHECK_FALSE(KeptMemory::map(UniqueFd()));
    CHECK(KeptMemory::map(memory_file(2 * sizeof(KeptSession))));
}
