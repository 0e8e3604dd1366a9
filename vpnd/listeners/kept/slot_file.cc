#include "vpnd/listeners/kept/slot_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace warren::vpnd {

namespace {

// A slot: 32 bytes of name, then the value. The first slot of the file is its header: the title, then the note.
constexpr std::size_t kNameSize = 32;
// Slots looked at for one name: its own place and those behind it.
constexpr std::size_t kProbes = 32;

using Slot = std::array<std::uint8_t, kNameSize + SlotFile::kMaxValue>;
using Title = std::array<std::uint8_t, kNameSize>;
using Window = std::array<std::uint8_t, sizeof(Slot) * kProbes>;

bool is_named(const std::uint8_t* slot, const crypto::Hash& name) {
    return std::memcmp(slot, name.data(), name.size()) == 0;
}

bool read_at(int file, MutableBytes into, off_t at) {
    return ::pread(file, into.data(), into.size(), at) == static_cast<ssize_t>(into.size());
}

Status write_at(int file, Bytes bytes, off_t at) {
    if (::pwrite(file, bytes.data(), bytes.size(), at) == static_cast<ssize_t>(bytes.size())) return {};
    return fail_errno("write", errno);
}

Title title_of(const SlotFile::Form& form) {
    Title title{};
    std::copy_n(form.title.begin(), std::min(form.title.size(), title.size()), title.begin());
    return title;
}

// Where a name's value goes: its own slot, else the one of the lowest rank, which is a free one where there is one.
std::size_t place_for(Bytes window, std::size_t slot_size, std::size_t rank_size, const crypto::Hash& name) {
    const std::uint8_t* best = window.data();
    for (std::size_t at = 0; at < window.size(); at += slot_size) {
        const std::uint8_t* slot = window.data() + at;
        if (is_named(slot, name)) return at;
        if (std::memcmp(slot + kNameSize, best + kNameSize, rank_size) < 0) best = slot;
    }
    return static_cast<std::size_t>(best - window.data());
}

}  // namespace

std::size_t SlotFile::slot_size() const {
    return kNameSize + form_.value_size;
}

off_t SlotFile::offset_of(const crypto::Hash& name) const {
    return static_cast<off_t>(slot_size() * (1 + load_le<std::uint64_t>(name.data()) % kSlots));
}

off_t SlotFile::size() const {
    return static_cast<off_t>(slot_size() * (1 + kSlots + kProbes));
}

Result<SlotFile> SlotFile::open(UniqueFd file, const Form& form) {
    const std::string context(form.title);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fail_errno(context + ": fstat", errno);
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, context + ": not a regular file");
    SlotFile opened;
    opened.form_ = form;
    opened.file_ = std::move(file);
    return opened;
}

// Looked at again until it is so: a predecessor may have been the first to write.
bool SlotFile::is_ours() const {
    if (!is_open()) return false;
    if (is_known_as_ours_) return true;
    Title present{};
    is_known_as_ours_ =
        ::lseek(file_.get(), 0, SEEK_END) == size() && read_at(file_.get(), present, 0) && present == title_of(form_);
    return is_known_as_ours_;
}

Status SlotFile::prepare() {
    if (is_ours()) return {};
    const std::string context(form_.title);
    // To nothing first, so that no byte of another format is left.
    if (::ftruncate(file_.get(), 0) != 0 || ::ftruncate(file_.get(), size()) != 0)
        return fail_errno(context + ": ftruncate", errno);
    if (Status written = write_at(file_.get(), title_of(form_), 0); !written)
        return with_context(context, std::move(written).error());
    is_known_as_ours_ = true;
    return {};
}

bool SlotFile::find(const crypto::Hash& name, MutableBytes value) const {
    Window space;
    const MutableBytes window = MutableBytes(space).first(slot_size() * kProbes);
    if (!is_ours() || !read_at(file_.get(), window, offset_of(name))) return false;
    const std::uint8_t* slot = window.data() + place_for(window, slot_size(), form_.rank_size, name);
    if (!is_named(slot, name)) return false;
    std::memcpy(value.data(), slot + kNameSize, value.size());
    return true;
}

Status SlotFile::store(const crypto::Hash& name, Bytes value) {
    Window space;
    const MutableBytes window = MutableBytes(space).first(slot_size() * kProbes);
    if (!is_open()) return {};
    WARREN_TRY(prepare());
    if (!read_at(file_.get(), window, offset_of(name))) return fail_errno("read", errno);
    Slot slot{};
    std::memcpy(slot.data(), name.data(), name.size());
    std::memcpy(slot.data() + kNameSize, value.data(), value.size());
    const std::size_t place = place_for(window, slot_size(), form_.rank_size, name);
    return write_at(file_.get(), Bytes(slot).first(slot_size()), offset_of(name) + static_cast<off_t>(place));
}

Status SlotFile::erase(const crypto::Hash& name) {
    Window space;
    const MutableBytes window = MutableBytes(space).first(slot_size() * kProbes);
    if (!is_ours()) return {};
    if (!read_at(file_.get(), window, offset_of(name))) return fail_errno("read", errno);
    const std::size_t place = place_for(window, slot_size(), form_.rank_size, name);
    if (!is_named(window.data() + place, name)) return {};
    return write_at(file_.get(), Bytes(Slot{}).first(slot_size()), offset_of(name) + static_cast<off_t>(place));
}

void SlotFile::read_note(MutableBytes note) const {
    if (!is_ours() || !read_at(file_.get(), note, kNameSize)) std::fill(note.begin(), note.end(), 0);
}

Status SlotFile::write_note(Bytes note) {
    if (!is_open()) return {};
    WARREN_TRY(prepare());
    return write_at(file_.get(), note, kNameSize);
}

}  // namespace warren::vpnd
