// The table in which this process keeps its IKE_SAs for its successor, and finds those of its predecessor.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "vpnd/ike/ike_record.h"

namespace warren::ike {

// A place of the table. Only the control worker writes there. The state is written last: a half-written record is none.
struct alignas(64) KeptSa {
    enum State : std::uint64_t { kFree = 0, kUsed = 0x6b657074'5f696b65 };
    std::atomic<std::uint64_t> state;
    std::array<std::uint8_t, 8184> record;  // ike::write(); zero behind it

    // Memory that no record needed is not touched.
    void free();
    // Whatever is there.
    void clear();
    // Bytes of `record` in use.
    [[nodiscard]] std::size_t used() const;
};
static_assert(sizeof(KeptSa) == 8192);

// A record is written before the messages leave that let the peer rely on it, so that after a kill at any moment what
// is there is what the peer knows, or what it is about to be told. The control worker only.
class SaKeeper {
  public:
    // Keeps a part of the table out of swap before keys are written there; false: it cannot.
    using Lock = std::function<bool(std::span<KeptSa>)>;
    // The first place is the header. The memory outlives this. At least two places.
    explicit SaKeeper(std::span<KeptSa> table, Lock lock = {});

    // --- what the predecessor left ---------------------------------------------------------------

    enum class Found : std::uint8_t { kNothing, kSas, kOtherForm };
    // kOtherForm: nothing of it is used. The owner of the memory wipes it, then calls begin().
    [[nodiscard]] Found found() const { return found_; }
    // An empty table, in our form.
    void begin();

    // Places of the connection's IKE_SAs, and of all that nothing took over.
    [[nodiscard]] std::vector<std::uint32_t> find(const ConnectionName& connection) const;
    [[nodiscard]] std::vector<std::uint32_t> rest() const;
    // Of such a place.
    [[nodiscard]] std::optional<SaRecord> read(std::uint32_t place) const;
    // The IKE_SA goes on, and keeps its place.
    void take_over(std::uint32_t place, CustomerIndex customer);
    // It does not, and its keys are wiped.
    void forget(std::uint32_t place);

    // --- what goes on ----------------------------------------------------------------------------

    // A place for a customer's IKE_SA. Nothing: there is none. A customer may use as many as are free, so that some are
    // left for each other one.
    [[nodiscard]] std::optional<std::uint32_t> allocate(CustomerIndex customer);
    // False: the record has no room there.
    [[nodiscard]] bool write(std::uint32_t place, const SaOwner& owner, const IkeSa& sa);
    // Its IKE_SA ends. It was allocated, or taken over.
    void free(std::uint32_t place);

    [[nodiscard]] std::size_t kept() const { return customer_of_.size(); }

  private:
    void inherit();
    void disinherit(std::uint32_t place);
    [[nodiscard]] bool lock_up_to(std::size_t places);

    std::span<KeptSa> table_;
    Lock lock_;
    std::size_t locked_ = 0;
    Found found_ = Found::kNothing;
    std::unordered_multimap<std::uint64_t, std::uint32_t> inherited_;  // places by the start of the connection's name
    std::unordered_map<std::uint32_t, std::uint64_t> start_of_;        // the other way
    std::deque<std::uint32_t> freed_;
    std::unordered_map<std::uint32_t, CustomerIndex> customer_of_;  // places in use
    std::unordered_map<CustomerIndex, std::size_t> of_customer_;
    std::array<std::uint8_t, sizeof(KeptSa::record)> scratch_{};  // zero between calls
};

}  // namespace warren::ike
