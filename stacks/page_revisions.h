// What the status page shows of the history: each revision with what it changed, as text. Pure, but for where the texts
// come from.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "history/revisions.h"
#include "ipc/web_revisions.h"

namespace warren::stacks {

// How many are shown, and of how many files of them all the texts are read.
inline constexpr std::size_t kMostShownRevisions = 100;
inline constexpr std::size_t kMostComparedFiles = 1000;

// The text of what a file held; an error: it is damaged.
using ReadText = std::function<Result<std::string>(const history::Content& content)>;

// The newest first.
[[nodiscard]] std::vector<ipc::WebRevision> web_revisions_of(const history::Revisions& revisions, const ReadText& read);

}  // namespace warren::stacks
