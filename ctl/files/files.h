// vpnctl's names for what it shares with stackd: files that are read, and written atomically.
#pragma once

#include "amend/files.h"

namespace warren::ctl {

using amend::create_file;
using amend::ensure_directory;
using amend::FileOwner;
using amend::read_text;
using amend::replace_file;
using amend::sync_directory_of;

}  // namespace warren::ctl
