// The history as the commands use it: read as root, from stackd's state directory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "config/texts.h"
#include "ctl/command.h"
#include "history/store.h"

namespace warren::ctl {

class History {
  public:
    explicit History(const std::string& state_dir) : disk_(history::directory_of(state_dir)), store_(disk_) {}
    History(const History&) = delete;
    History& operator=(const History&) = delete;

    // kNotFound: there is no revision; kPermission: only root may look.
    [[nodiscard]] Status read();
    [[nodiscard]] const history::Revisions& revisions() const { return revisions_; }
    [[nodiscard]] Result<config::Texts> texts_at(std::uint64_t number) const {
        return store_.texts_at(revisions_, number);
    }
    // Whether some revision has this text.
    [[nodiscard]] bool has(std::string_view text) const {
        return store_.text({history::hash_of(text), text.size()}).has_value();
    }

  private:
    history::DirectoryDisk disk_;
    history::Store store_;
    history::Revisions revisions_;
};

// A revision's number from the command line, which must be in the history; "": the last one.
[[nodiscard]] Result<std::uint64_t> revision_of(const std::string& text, const history::Revisions& revisions);

}  // namespace warren::ctl
