#include "web/past/database.h"

#include <sqlite3.h>

#include <utility>

#include "web/past/file_system.h"

namespace warren::web {

namespace {

Error error_of(int code, const char* text) {
    const int kind = code & 0xff;
    const ErrorCode ours = kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB ? ErrorCode::kInvalid
                           : kind == SQLITE_FULL                           ? ErrorCode::kUnavailable
                                                                           : ErrorCode::kFailed;
    return {ours,
            std::string(kind == SQLITE_FULL ? "the disk is full, or the database is as large as it may be" : text)};
}

}  // namespace

void Statement::Finish::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Error Statement::error() const {
    sqlite3* database = sqlite3_db_handle(statement_.get());
    return error_of(sqlite3_extended_errcode(database), sqlite3_errmsg(database));
}

Statement& Statement::bind(int parameter, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), parameter, value);
    return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
    sqlite3_bind_text64(statement_.get(), parameter, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
    return *this;
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    Error failed = error();
    reset();
    return tl::unexpected(std::move(failed));
}

Status Statement::run() {
    const auto stepped = step();
    reset();
    if (!stepped) return tl::unexpected<Error>(stepped.error());
    return {};
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
}

std::int64_t Statement::number(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
}

void Database::Close::operator()(sqlite3* database) const {
    sqlite3_close(database);
}

Result<Database> Database::open() {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(kPastFile, &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database out;
    out.database_.reset(raw);
    if (code != SQLITE_OK) return tl::unexpected(error_of(code, sqlite3_errstr(code)));
    return out;
}

Status Database::run(const std::string& statements) {
    const int code = sqlite3_exec(database_.get(), statements.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return tl::unexpected(error_of(code, sqlite3_errmsg(database_.get())));
    return {};
}

Result<Statement> Database::prepare(std::string_view statement) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(database_.get(), statement.data(), static_cast<int>(statement.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (code != SQLITE_OK) return tl::unexpected(error_of(code, sqlite3_errmsg(database_.get())));
    Statement out;
    out.statement_.reset(raw);
    return out;
}

Result<std::int64_t> Database::number(std::string_view statement) {
    auto prepared = prepare(statement);
    if (!prepared) return tl::unexpected<Error>(prepared.error());
    const auto row = prepared->step();
    if (!row) return tl::unexpected<Error>(row.error());
    return *row ? prepared->number(0) : 0;
}

Result<Transaction> Transaction::begin(Database& database) {
    if (const Status begun = database.run("BEGIN IMMEDIATE"); !begun) return tl::unexpected<Error>(begun.error());
    return Transaction(database);
}

Transaction::~Transaction() {
    if (database_ != nullptr) (void)database_->run("ROLLBACK");
}

Status Transaction::commit() {
    WARREN_TRY(database_->run("COMMIT"));
    database_ = nullptr;
    return {};
}

}  // namespace warren::web
