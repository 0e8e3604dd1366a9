// vpnctl's names for what it shares with stackd: the files of customers while somebody changes them.
#pragma once

#include "amend/customer_file.h"

namespace warren::ctl {

using amend::check_place;
using amend::check_writable;
using amend::customer_path;
using amend::FileState;
using amend::lock_configuration;
using amend::read_state;
using amend::remove_file;
using amend::rename_file;
using amend::write_over;

}  // namespace warren::ctl
