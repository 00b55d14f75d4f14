#include "state/database.h"

#include <sqlite3.h>

#include <utility>

#include "base/status_macros.h"

namespace gloo::state {
namespace {

absl::Status ToStatus(sqlite3* db, int code) {
  const std::string message = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(message);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(message);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return absl::PermissionDeniedError(message);
    default:
      return absl::InternalError(message);
  }
}

// Of a path that goes into a URI.
std::string Escape(const std::string& path) {
  std::string out;
  for (char c : path) {
    switch (c) {
      case '%':
        out += "%25";
        break;
      case '?':
        out += "%3f";
        break;
      case '#':
        out += "%23";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path, Mode mode) {
  const int flags = (mode == Mode::kWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  const std::string uri = "file:" + Escape(path) + (mode == Mode::kImmutable ? "?immutable=1" : "");
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(uri.c_str(), &db, flags, nullptr);
  auto out = std::unique_ptr<Database>(new Database(db));
  if (code != SQLITE_OK) return ToStatus(db, code);
  sqlite3_busy_timeout(db, 5000);
  return out;
}

Database::~Database() {
  kept_.clear();
  sqlite3_close(db_);
}

absl::Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ToStatus(db_, code);
}

absl::StatusOr<Statement*> Database::Kept(const char* sql) {
  auto it = kept_.find(std::string_view(sql));
  if (it == kept_.end()) {
    GLOO_ASSIGN_OR_RETURN(Statement statement, Statement::Prepare(*this, sql));
    it = kept_.emplace(sql, std::move(statement)).first;
  }
  return &it->second;
}

absl::StatusOr<int64_t> Database::Integer(const std::string& sql) {
  GLOO_ASSIGN_OR_RETURN(Statement statement, Statement::Prepare(*this, sql));
  GLOO_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::InternalError("no row");
  return statement.Integer(0);
}

absl::StatusOr<std::string> Database::QuickCheck() {
  GLOO_ASSIGN_OR_RETURN(Statement statement, Statement::Prepare(*this, "PRAGMA quick_check(1)"));
  GLOO_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::InternalError("no row");
  return statement.Bytes(0);
}

absl::StatusOr<Statement> Statement::Prepare(Database& db, const std::string& sql) {
  sqlite3_stmt* stmt = nullptr;
  const int code = sqlite3_prepare_v2(db.handle(), sql.c_str(), static_cast<int>(sql.size()), &stmt, nullptr);
  if (code != SQLITE_OK) return ToStatus(db.handle(), code);
  return Statement(db, stmt);
}

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_), stmt_(std::exchange(other.stmt_, nullptr)), next_(other.next_) {}

Statement::~Statement() { sqlite3_finalize(stmt_); }

Statement& Statement::Bind(int64_t value) {
  sqlite3_bind_int64(stmt_, next_++, value);
  return *this;
}

Statement& Statement::Bind(std::string_view text) {
  sqlite3_bind_text64(stmt_, next_++, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindBlob(std::string_view bytes) {
  sqlite3_bind_blob64(stmt_, next_++, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  const int code = sqlite3_step(stmt_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return ToStatus(db_->handle(), code);
}

absl::Status Statement::Run() {
  const absl::Status status = Step().status();
  sqlite3_reset(stmt_);
  sqlite3_clear_bindings(stmt_);
  next_ = 1;
  return status;
}

int64_t Statement::Integer(int column) const { return sqlite3_column_int64(stmt_, column); }

std::string Statement::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(stmt_, column);
  const int size = sqlite3_column_bytes(stmt_, column);
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

}  // namespace gloo::state
