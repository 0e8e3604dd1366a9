// Writes an earlier configuration over the files, as a careful person would.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/texts.h"

namespace warren::history {

struct WrittenBack {
    std::vector<std::string> written;  // paths
    std::vector<std::string> removed;
    std::vector<std::string> kept;  // copies of what nobody else has any more
};

struct WriteOrder {
    std::string directory;                 // of the configuration
    const config::Texts* texts = nullptr;  // must outlive the call
    std::string customer;                  // only the file of this customer; "": all
    // Whether this text can be had from somewhere else. A file with another one is kept beside its new one, as
    // FILE.TAG, which is no file of the configuration.
    std::function<bool(std::string_view text)> is_known;
    std::string tag;  // "kept-20261130T091500Z"
};

// Holds the lock of the configuration (vpnctl's commands wait for it). Everything is looked at before the first file is
// written; each is written beside, synced and renamed, with the mode and owner of the one before. Files of customers
// that are not in the texts are removed. A file that already has its text is left alone. kInvalid: a symbolic link;
// kConflict: somebody changed a file meanwhile. After an error in the middle, which names the
// copies that were kept, the same order goes on where it ended.
[[nodiscard]] Result<WrittenBack> write_back(const WriteOrder& order);

// kInvalid: write_back() would refuse a file here, as it is a symbolic link. Says nothing of who may write.
[[nodiscard]] Status check_write_back(const std::string& directory);

// "kept-20261130T091500Z", now.
[[nodiscard]] std::string kept_tag();

}  // namespace warren::history
