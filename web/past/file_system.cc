#include "web/past/file_system.h"

#include <sqlite3.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <new>
#include <string_view>

#include "base/check.h"

namespace warren::web {

namespace {

constexpr int kMaxName = 64;
constexpr int kSector = 4096;
constexpr sqlite3_int64 kJulianUnixEpoch = 210'866'760'000'000;  // milliseconds; https://www.sqlite.org/c3ref/vfs.html

// The thread of the database reads and writes these.
int database_fd = -1;
int log_fd = -1;

bool is_log(std::string_view name) {
    return name.ends_with("-wal");
}

struct File : sqlite3_file {
    int fd = -1;
};

int fd_of(sqlite3_file* file) {
    return static_cast<File*>(file)->fd;
}

// A full disk has a code of its own.
int failure(int code) {
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? SQLITE_FULL : code;
}

int close_file(sqlite3_file*) {
    return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
    auto* out = static_cast<std::uint8_t*>(to);
    int have = 0;
    while (have < size) {
        const ssize_t count = ::pread(fd_of(file), out + have, static_cast<std::size_t>(size - have), at + have);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return SQLITE_IOERR_READ;
        if (count == 0) break;
        have += static_cast<int>(count);
    }
    if (have == size) return SQLITE_OK;
    std::fill(out + have, out + size, std::uint8_t{0});
    return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    int done = 0;
    while (done < size) {
        const ssize_t count = ::pwrite(fd_of(file), bytes + done, static_cast<std::size_t>(size - done), at + done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure(SQLITE_IOERR_WRITE);
        done += static_cast<int>(count);
    }
    return SQLITE_OK;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    return ::ftruncate(fd_of(file), size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int sync_file(sqlite3_file* file, int) {
    return ::fdatasync(fd_of(file)) == 0 ? SQLITE_OK : failure(SQLITE_IOERR_FSYNC);
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
    struct stat about {};
    if (::fstat(fd_of(file), &about) != 0) return SQLITE_IOERR_FSTAT;
    *size = about.st_size;
    return SQLITE_OK;
}

// stackd gives the descriptors to one process at a time.
int lock_file(sqlite3_file*, int) {
    return SQLITE_OK;
}
int check_lock(sqlite3_file*, int* is_reserved) {
    *is_reserved = 0;
    return SQLITE_OK;
}
int control_file(sqlite3_file*, int, void*) {
    return SQLITE_NOTFOUND;
}
int sector_size(sqlite3_file*) {
    return kSector;
}
int characteristics(sqlite3_file*) {
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// Version 1: without shared memory.
constexpr sqlite3_io_methods kMethods{
    1,         close_file, read_file,  write_file,   truncate_file, sync_file,       file_size,
    lock_file, lock_file,  check_lock, control_file, sector_size,   characteristics, nullptr,
    nullptr,   nullptr,    nullptr,    nullptr,      nullptr};

int open_file(sqlite3_vfs*, const char*, sqlite3_file* file, int flags, int* given) {
    file->pMethods = nullptr;
    const int fd = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? database_fd : (flags & SQLITE_OPEN_WAL) != 0 ? log_fd : -1;
    if (fd < 0) return SQLITE_CANTOPEN;
    auto* made = new (file) File{};
    made->fd = fd;
    made->pMethods = &kMethods;
    if (given != nullptr) *given = flags;
    return SQLITE_OK;
}

// The log is a file of ours that stays.
int delete_file(sqlite3_vfs*, const char* name, int) {
    if (!is_log(name)) return SQLITE_IOERR_DELETE_NOENT;
    return ::ftruncate(log_fd, 0) == 0 ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

int find_file(sqlite3_vfs*, const char* name, int, int* is_there) {
    struct stat about {};
    *is_there = is_log(name) && ::fstat(log_fd, &about) == 0 && about.st_size > 0 ? 1 : 0;
    return SQLITE_OK;
}

int full_name(sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}

int random_bytes(sqlite3_vfs*, int size, char* out) {
    return ::getrandom(out, static_cast<std::size_t>(size), 0) == size ? size : 0;
}

int wait_for(sqlite3_vfs*, int microseconds) {
    const timespec time{microseconds / 1'000'000, microseconds % 1'000'000 * 1000L};
    (void)::nanosleep(&time, nullptr);
    return microseconds;
}

int time_of_day(sqlite3_vfs*, sqlite3_int64* milliseconds) {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    *milliseconds = kJulianUnixEpoch + sqlite3_int64{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
    return SQLITE_OK;
}

int days_of_time(sqlite3_vfs* vfs, double* days) {
    sqlite3_int64 milliseconds = 0;
    (void)time_of_day(vfs, &milliseconds);
    *days = static_cast<double>(milliseconds) / 86'400'000.0;
    return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) {
    return errno;
}

sqlite3_vfs file_system{2,          sizeof(File), kMaxName,  nullptr,      "warren", nullptr,
                        open_file,  delete_file,  find_file, full_name,
                        nullptr,  // no libraries
                        nullptr,    nullptr,      nullptr,   random_bytes, wait_for, days_of_time,
                        last_error, time_of_day,  nullptr,   nullptr,      nullptr};

}  // namespace

Status PastFiles::start_sqlite() {
    if (sqlite3_initialize() != SQLITE_OK) return fail(ErrorCode::kFailed, "SQLite cannot be initialized");
    // The default one: SQLite also draws its random numbers there.
    if (sqlite3_vfs_register(&file_system, 1) != SQLITE_OK)
        return fail(ErrorCode::kFailed, "SQLite refuses the file system");
    return {};
}

PastFiles::PastFiles(UniqueFd database, UniqueFd log) : database_(std::move(database)), log_(std::move(log)) {
    WARREN_CHECK(database_fd < 0);
    database_fd = database_.get();
    log_fd = log_.get();
}

PastFiles::~PastFiles() {
    database_fd = log_fd = -1;
}

}  // namespace warren::web
