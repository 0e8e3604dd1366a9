#include "config/schema_emulation.h"

namespace warren::config {

namespace {

constexpr auto kCustomer = Document::kCustomer;

// clang-format off
constexpr Key kSchema[] = {
    {.document = kCustomer, .path = "traffic.emulate", .type = Type::kTable,
     .doc = "Makes the customer a test link: what its tunnels carry is treated as on a bad line, for a laboratory or "
            "an acceptance test. Handshakes and keepalives are not, nor is any other customer. `vpnctl status` and "
            "`vpnctl doctor` say so. Cannot be combined with stack.queues. Packets on the line arrive at once when "
            "these keys change; at most 16 MB and 16384 packets are on it."},
    {.document = kCustomer, .path = "traffic.emulate.up", .type = Type::kTable,
     .doc = "What happens to packets from the sites into the stack, behind the customer's rates."},
    {.document = kCustomer, .path = "traffic.emulate.up.delay", .type = Type::kDelay,
     .doc = "How long each packet is on the way, to a millisecond.", .example = "\"50 ms\""},
    {.document = kCustomer, .path = "traffic.emulate.up.jitter", .type = Type::kDelay,
     .doc = "How much the delay differs from packet to packet: each has one between delay - jitter and delay + jitter. "
            "Packets stay in order all the same, so of packets that follow each other closely most have the longer "
            "delays.", .example = "\"10 ms\""},
    {.document = kCustomer, .path = "traffic.emulate.up.loss", .type = Type::kPart,
     .doc = "The part of the packets that is lost, each by chance; counted as emulated_loss.", .example = "\"1 %\""},
    {.document = kCustomer, .path = "traffic.emulate.up.reorder", .type = Type::kPart,
     .doc = "The part of the packets that is not delayed and overtakes those before it.", .example = "\"0.5 %\""},
    {.document = kCustomer, .path = "traffic.emulate.up.duplicate", .type = Type::kPart,
     .doc = "The part of the packets that arrives twice.", .example = "\"0.1 %\""},
    {.document = kCustomer, .path = "traffic.emulate.up.rate", .type = Type::kRate,
     .doc = "The rate of the line. Packets wait for it in one queue, 200 ms at most; what exceeds that is dropped and "
            "counted as emulated_queue_full.", .example = "\"10 Mbit/s\""},
    {.document = kCustomer, .path = "traffic.emulate.down", .type = Type::kTable,
     .doc = "What happens to packets from the stack to the sites."},
    {.document = kCustomer, .path = "traffic.emulate.down.delay", .type = Type::kDelay,
     .doc = "As traffic.emulate.up.delay.", .example = "\"50 ms\""},
    {.document = kCustomer, .path = "traffic.emulate.down.jitter", .type = Type::kDelay,
     .doc = "As traffic.emulate.up.jitter.", .example = "\"10 ms\""},
    {.document = kCustomer, .path = "traffic.emulate.down.loss", .type = Type::kPart,
     .doc = "As traffic.emulate.up.loss.", .example = "\"1 %\""},
    {.document = kCustomer, .path = "traffic.emulate.down.reorder", .type = Type::kPart,
     .doc = "As traffic.emulate.up.reorder.", .example = "\"0.5 %\""},
    {.document = kCustomer, .path = "traffic.emulate.down.duplicate", .type = Type::kPart,
     .doc = "As traffic.emulate.up.duplicate.", .example = "\"0.1 %\""},
    {.document = kCustomer, .path = "traffic.emulate.down.rate", .type = Type::kRate,
     .doc = "As traffic.emulate.up.rate.", .example = "\"10 Mbit/s\""},
};
// clang-format on

}  // namespace

std::span<const Key> emulation_schema() {
    return kSchema;
}

}  // namespace warren::config
