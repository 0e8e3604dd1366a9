#include "stacks/kernel/tunnel_steering.h"

#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "base/fd.h"

namespace warren::stacks {

namespace {

// Of the map, by bpf(2): IPv4 addresses are mapped into IPv6 (RFC 4291 §2.5.5.2).
struct Key {
    std::uint32_t length = 128;
    std::array<std::uint8_t, 16> address{};
};
constexpr std::size_t kMappedAt = 12;
constexpr std::array<std::uint8_t, 4> kMappedMark{0, 0, 0xff, 0xff};  // the four bytes before it

Key key_of(const Prefix& prefix) {
    Key key;
    const bool is_v4 = prefix.address.is_v4();
    key.length = prefix.length + (is_v4 ? 96U : 0U);
    if (is_v4) std::copy(kMappedMark.begin(), kMappedMark.end(), key.address.begin() + kMappedAt - kMappedMark.size());
    const Bytes bytes = prefix.address.bytes();
    std::copy(bytes.begin(), bytes.end(), key.address.begin() + (is_v4 ? kMappedAt : 0));
    return key;
}

long bpf(bpf_cmd command, bpf_attr& attributes) {
    return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

std::uint64_t address_of(const void* what) {
    return reinterpret_cast<std::uintptr_t>(what);
}

Result<UniqueFd> make_map(std::span<const SteeringEntry> entries) {
    bpf_attr attributes{};
    attributes.map_type = BPF_MAP_TYPE_LPM_TRIE;
    attributes.map_flags = BPF_F_NO_PREALLOC;
    attributes.key_size = sizeof(Key);
    attributes.value_size = sizeof(std::uint32_t);
    attributes.max_entries = static_cast<std::uint32_t>(std::max<std::size_t>(entries.size(), 1));
    UniqueFd map(static_cast<int>(bpf(BPF_MAP_CREATE, attributes)));
    if (!map.valid()) return fail_errno("make a BPF map for the queues of vpn0", errno);
    for (const SteeringEntry& entry : entries) {
        const Key key = key_of(entry.to);
        const std::uint32_t value = entry.queue;
        bpf_attr update{};
        update.map_fd = static_cast<std::uint32_t>(map.get());
        update.key = address_of(&key);
        update.value = address_of(&value);
        if (bpf(BPF_MAP_UPDATE_ELEM, update) != 0) return fail_errno("fill a BPF map for the queues of vpn0", errno);
    }
    return map;
}

// --- the program (Linux Documentation/bpf/standardization/instruction-set.rst) -------------------

using Instruction = bpf_insn;

constexpr Instruction instruction(int code, int to, int from, int offset, std::int32_t immediate) {
    return {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(to & 0xf), static_cast<std::uint8_t>(from & 0xf),
            static_cast<std::int16_t>(offset), immediate};
}
constexpr Instruction set(int to, std::int32_t value) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
constexpr Instruction copy(int to, int from) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
constexpr Instruction add(int to, std::int32_t value) {
    return instruction(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}
constexpr Instruction store(int size, int offset, std::int32_t value) {
    return instruction(BPF_ST | BPF_MEM | size, BPF_REG_10, 0, offset, value);
}
constexpr Instruction jump_if(int condition, int what, std::int32_t value, int by) {
    return instruction(BPF_JMP | condition | BPF_K, what, 0, by, value);
}
constexpr Instruction call(std::int32_t function) {
    return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

// The key lies at the end of the frame.
constexpr int kKey = -static_cast<int>(sizeof(Key));
constexpr int kAddress = kKey + static_cast<int>(offsetof(Key, address));
constexpr int kSkbAt = BPF_REG_6;   // where LD_ABS wants it
constexpr int kDestinationV4 = 16;  // RFC 791
constexpr int kDestinationV6 = 24;  // RFC 8200

Result<UniqueFd> load_program(int map) {
    const auto mark = std::bit_cast<std::int32_t>(kMappedMark);
    const std::array program{
        copy(kSkbAt, BPF_REG_1),
        instruction(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, 0),  // r0 = the first byte; without one the program ends with 0
        instruction(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 4),
        jump_if(BPF_JEQ, BPF_REG_0, 6, 10),  // to: IPv6
        jump_if(BPF_JNE, BPF_REG_0, 4, 23),  // to: none
        // IPv4
        store(BPF_DW, kAddress, 0),
        store(BPF_W, kAddress + 8, mark),
        copy(BPF_REG_1, kSkbAt),
        set(BPF_REG_2, kDestinationV4),
        copy(BPF_REG_3, BPF_REG_10),
        add(BPF_REG_3, kAddress + 12),
        set(BPF_REG_4, 4),
        call(BPF_FUNC_skb_load_bytes),
        instruction(BPF_JMP | BPF_JA, 0, 0, 6, 0),  // to: look up
        // IPv6
        copy(BPF_REG_1, kSkbAt),
        set(BPF_REG_2, kDestinationV6),
        copy(BPF_REG_3, BPF_REG_10),
        add(BPF_REG_3, kAddress),
        set(BPF_REG_4, 16),
        call(BPF_FUNC_skb_load_bytes),
        // look up
        jump_if(BPF_JNE, BPF_REG_0, 0, 7),  // to: none
        store(BPF_W, kKey, 128),
        instruction(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map),
        instruction(0, 0, 0, 0, 0),  // the second half of it
        copy(BPF_REG_2, BPF_REG_10),
        add(BPF_REG_2, kKey),
        call(BPF_FUNC_map_lookup_elem),
        jump_if(BPF_JNE, BPF_REG_0, 0, 2),  // to: found
        // none
        set(BPF_REG_0, 0),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        // found
        instruction(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_0, 0, 0),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attributes.insns = address_of(program.data());
    attributes.insn_cnt = program.size();
    attributes.license = address_of("MIT");
    UniqueFd loaded(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
    if (!loaded.valid()) return fail_errno("load the BPF program for the queues of vpn0", errno);
    return loaded;
}

}  // namespace

Status steer_tunnel(int tunnel, std::span<const SteeringEntry> entries) {
    const auto map = make_map(entries);
    if (!map) return tl::unexpected(map.error());
    const auto program = load_program(map->get());
    if (!program) return tl::unexpected(program.error());
    int descriptor = program->get();
    if (::ioctl(tunnel, TUNSETSTEERINGEBPF, &descriptor) != 0) return fail_errno("steer the queues of vpn0", errno);
    return {};
}

}  // namespace warren::stacks
