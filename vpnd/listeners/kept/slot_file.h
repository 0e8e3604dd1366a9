// A hash table of fixed size in a file that outlives this process: a few bytes for each name.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"
#include "crypto/blake2s.h"

namespace warren::vpnd {

// What was stored is in the kernel's page cache at once and survives kill -9. The file is sparse: only what was stored
// uses space. Where a name finds no free slot in reach, the value there that is smallest in its first bytes goes. One
// thread.
class SlotFile {
  public:
    static constexpr std::size_t kSlots = 1 << 17;
    static constexpr std::size_t kMaxValue = 64;
    struct Form {
        std::string_view title;  // of the file, at most 32 bytes: another one is another format
        std::size_t value_size;  // bytes, at most kMaxValue
        std::size_t rank_size;   // of these at the beginning; all zero: no value
    };

    // Keeps nothing.
    SlotFile() = default;
    // Changes nothing in the file, which another process may still use: one that is new, or of another size or format,
    // holds nothing, and the first store() or write_note() starts it afresh.
    [[nodiscard]] static Result<SlotFile> open(UniqueFd file, const Form& form);
    [[nodiscard]] bool is_open() const { return file_.valid(); }

    // False when there is none. `value` has at most the size of the form.
    [[nodiscard]] bool find(const crypto::Hash& name, MutableBytes value) const;
    // Fails when the file system is full.
    [[nodiscard]] Status store(const crypto::Hash& name, Bytes value);
    [[nodiscard]] Status erase(const crypto::Hash& name);

    // A few bytes beside the table, at most kMaxNote; all zero when they were never written.
    static constexpr std::size_t kMaxNote = 16;
    void read_note(MutableBytes note) const;
    [[nodiscard]] Status write_note(Bytes note);

  private:
    // Whether the file has our form.
    [[nodiscard]] bool is_ours() const;
    // Makes it so.
    [[nodiscard]] Status prepare();
    [[nodiscard]] std::size_t slot_size() const;
    [[nodiscard]] off_t size() const;
    [[nodiscard]] off_t offset_of(const crypto::Hash& name) const;

    UniqueFd file_;
    Form form_{};
    mutable bool is_known_as_ours_ = false;
};

// Of RUN_DIR/peers: first the time, by which values are ranked. WireGuard keeps there where its peers were last, and
// IKE who had which address; a name is of one of both.
inline constexpr SlotFile::Form kPeersForm{"warren peers 2", 60, 8};

}  // namespace warren::vpnd
