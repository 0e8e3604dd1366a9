// SQLite's view of the disk: two open descriptors, and no path. So a process that may open no file can have a database.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace warren::web {

// The name of the only database, for sqlite3_open_v2().
inline constexpr const char* kPastFile = "past";

// Makes these descriptors the database and its write-ahead log; both are open for reading and writing. It must be open
// in write-ahead mode, with exclusive locking (there is no shared memory), a journal in memory and temporary tables in
// memory: any other file does not open. One database in a process, and one thread that uses it. Source:
// https://www.sqlite.org/vfs.html, https://www.sqlite.org/wal.html §8
class PastFiles {
  public:
    // Before the system calls are restricted: SQLite starts here.
    [[nodiscard]] static Status start_sqlite();

    PastFiles(UniqueFd database, UniqueFd log);
    ~PastFiles();
    PastFiles(const PastFiles&) = delete;
    PastFiles& operator=(const PastFiles&) = delete;

  private:
    UniqueFd database_;
    UniqueFd log_;
};

}  // namespace warren::web
