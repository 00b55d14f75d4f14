#include "state/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/status_macros.h"
#include "state/codec.h"
#include "state/database.h"
#include "state/folder_lock.h"
#include "state/pending.h"

namespace gloo::state {
namespace {

constexpr int64_t kSchemaVersion = 3;
constexpr char kSchema[] = R"(
  CREATE TABLE objects (
    kind INTEGER NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL,
    generation INTEGER NOT NULL, created INTEGER NOT NULL, hash TEXT NOT NULL,
    source TEXT NOT NULL, location TEXT NOT NULL, document INTEGER NOT NULL, line INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (kind, ns, name)) WITHOUT ROWID;
  CREATE TABLE seen (
    kind INTEGER NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL,
    generation INTEGER NOT NULL, created INTEGER NOT NULL, hash TEXT NOT NULL,
    source TEXT NOT NULL, location TEXT NOT NULL, document INTEGER NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY (kind, ns, name)) WITHOUT ROWID;
  CREATE TABLE statuses (
    kind INTEGER NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, status BLOB NOT NULL,
    PRIMARY KEY (kind, ns, name)) WITHOUT ROWID;
  CREATE TABLE data (
    secret INTEGER NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, entries BLOB NOT NULL,
    PRIMARY KEY (secret, ns, name)) WITHOUT ROWID;
)";
constexpr std::chrono::seconds kRetry{1};

std::string FileOf(const std::string& folder) { return folder + "/state.db"; }

// Renames the database and its side files to `state.db.WHY-N`.
absl::Status SetAside(const std::string& path, const std::string& why) {
  std::error_code error;
  for (int n = 1;; ++n) {
    const std::string aside = path + "." + why + "-" + std::to_string(n);
    if (std::filesystem::exists(aside, error)) continue;
    std::filesystem::rename(path, aside, error);
    if (error) return absl::InternalError("cannot rename " + path + ": " + error.message());
    for (const char* side : {"-wal", "-shm"}) std::filesystem::rename(path + side, aside + side, error);
    return absl::OkStatus();
  }
}

// SQLite makes its side files with the mode of the database, but the database itself as the umask says.
absl::Status MakePrivate(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || fchmod(fd, 0600) != 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return absl::PermissionDeniedError("cannot write " + path + ": " + std::generic_category().message(error));
  }
  close(fd);
  return absl::OkStatus();
}

// kDataLoss: damaged. kFailedPrecondition: of another version, which `version` then is.
absl::StatusOr<std::unique_ptr<Database>> OpenChecked(const std::string& path, int64_t* version) {
  GLOO_RETURN_IF_ERROR(MakePrivate(path));
  GLOO_ASSIGN_OR_RETURN(auto db, Database::Open(path, Database::Mode::kWrite));
  GLOO_RETURN_IF_ERROR(db->Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"));
  GLOO_ASSIGN_OR_RETURN(*version, db->Integer("PRAGMA user_version"));
  if (*version == 0) {
    GLOO_RETURN_IF_ERROR(db->Execute(std::string("BEGIN;") + kSchema +
                                     "PRAGMA user_version=" + std::to_string(kSchemaVersion) + ";COMMIT"));
    return db;
  }
  if (*version != kSchemaVersion) return absl::FailedPreconditionError("of another version");
  GLOO_ASSIGN_OR_RETURN(const std::string check, db->QuickCheck());
  if (check != "ok") return absl::DataLossError(check);
  return db;
}

absl::StatusOr<std::unique_ptr<Database>> OpenOrBegin(const std::string& path) {
  for (int tries = 0;; ++tries) {
    int64_t version = 0;
    auto db = OpenChecked(path, &version);
    if (db.ok() || tries > 0) return db;
    if (absl::IsDataLoss(db.status())) {
      GLOO_RETURN_IF_ERROR(SetAside(path, "damaged"));
    } else if (absl::IsFailedPrecondition(db.status())) {
      GLOO_RETURN_IF_ERROR(SetAside(path, "version-" + std::to_string(version)));
    } else {
      return db;
    }
  }
}

absl::Status LoadObjects(Database& db, std::vector<model::ObjectPtr>& out) {
  GLOO_ASSIGN_OR_RETURN(Statement rows, Statement::Prepare(db,
                                                           "SELECT kind, ns, name, generation, created, hash, "
                                                           "source, location, document, line, body FROM objects"));
  while (true) {
    GLOO_ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) return absl::OkStatus();
    auto object = std::make_shared<model::Object>();
    object->key = {static_cast<model::Kind>(rows.Integer(0)), rows.Bytes(1), rows.Bytes(2)};
    object->generation = rows.Integer(3);
    object->created = rows.Integer(4);
    object->hash = rows.Bytes(5);
    object->origin = {rows.Bytes(6), rows.Bytes(7), static_cast<int>(rows.Integer(8)),
                      static_cast<int>(rows.Integer(9))};
    auto body = model::Body::Parse(object->key.kind, rows.Bytes(10));
    if (!body) continue;
    object->body = *std::move(body);
    out.push_back(std::move(object));
  }
}

absl::Status LoadSeen(Database& db, std::vector<SeenObject>& out) {
  GLOO_ASSIGN_OR_RETURN(Statement rows, Statement::Prepare(db,
                                                           "SELECT kind, ns, name, generation, created, hash, "
                                                           "source, location, document, line FROM seen"));
  while (true) {
    GLOO_ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) return absl::OkStatus();
    out.push_back({.key = {static_cast<model::Kind>(rows.Integer(0)), rows.Bytes(1), rows.Bytes(2)},
                   .created = rows.Integer(4),
                   .generation = rows.Integer(3),
                   .hash = rows.Bytes(5),
                   .origin = {rows.Bytes(6), rows.Bytes(7), static_cast<int>(rows.Integer(8)),
                              static_cast<int>(rows.Integer(9))}});
  }
}

absl::Status LoadStatuses(Database& db, std::vector<SavedStatus>& out) {
  GLOO_ASSIGN_OR_RETURN(Statement rows, Statement::Prepare(db, "SELECT kind, ns, name, status FROM statuses"));
  while (true) {
    GLOO_ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) return absl::OkStatus();
    SavedStatus status;
    status.key = {static_cast<model::Kind>(rows.Integer(0)), rows.Bytes(1), rows.Bytes(2)};
    if (status.status.ParseFromString(rows.Bytes(3))) out.push_back(std::move(status));
  }
}

absl::Status LoadData(Database& db, std::vector<SavedData>& out) {
  GLOO_ASSIGN_OR_RETURN(Statement rows, Statement::Prepare(db, "SELECT secret, ns, name, hash, entries FROM data"));
  while (true) {
    GLOO_ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) return absl::OkStatus();
    auto entries = DecodeData(rows.Bytes(4));
    if (!entries) continue;
    auto data = std::make_shared<model::NamedData>();
    data->ns = rows.Bytes(1);
    data->name = rows.Bytes(2);
    data->hash = rows.Bytes(3);
    data->data = std::move(*entries);
    out.push_back({.secret = rows.Integer(0) != 0, .data = std::move(data)});
  }
}

absl::Status RunKept(Database& db, const char* sql) {
  GLOO_ASSIGN_OR_RETURN(Statement * statement, db.Kept(sql));
  return statement->Run();
}

absl::Status WriteObjects(Database& db, const Pending& pending) {
  GLOO_ASSIGN_OR_RETURN(Statement * put, db.Kept("INSERT OR REPLACE INTO objects VALUES (?,?,?,?,?,?,?,?,?,?,?)"));
  GLOO_ASSIGN_OR_RETURN(Statement * drop, db.Kept("DELETE FROM objects WHERE kind=? AND ns=? AND name=?"));
  for (const auto& [key, object] : pending.good) {
    Statement* statement = object ? put : drop;
    statement->Bind(static_cast<int64_t>(key.kind)).Bind(key.ns).Bind(key.name);
    std::string body;
    if (object) {
      body = object->body.Serialize();
      put->Bind(object->generation).Bind(object->created).Bind(object->hash);
      put->Bind(object->origin.source).Bind(object->origin.location);
      put->Bind(int64_t{object->origin.document}).Bind(int64_t{object->origin.line}).BindBlob(body);
    }
    GLOO_RETURN_IF_ERROR(statement->Run());
  }
  return absl::OkStatus();
}

absl::Status WriteSeen(Database& db, const Pending& pending) {
  GLOO_ASSIGN_OR_RETURN(Statement * put, db.Kept("INSERT OR REPLACE INTO seen VALUES (?,?,?,?,?,?,?,?,?,?)"));
  GLOO_ASSIGN_OR_RETURN(Statement * drop, db.Kept("DELETE FROM seen WHERE kind=? AND ns=? AND name=?"));
  for (const auto& [key, seen] : pending.seen) {
    Statement* statement = seen ? put : drop;
    statement->Bind(static_cast<int64_t>(key.kind)).Bind(key.ns).Bind(key.name);
    if (seen) {
      put->Bind(seen->generation).Bind(seen->created).Bind(seen->hash);
      put->Bind(seen->origin.source).Bind(seen->origin.location);
      put->Bind(int64_t{seen->origin.document}).Bind(int64_t{seen->origin.line});
    }
    GLOO_RETURN_IF_ERROR(statement->Run());
  }
  return absl::OkStatus();
}

absl::Status WriteStatuses(Database& db, const Pending& pending) {
  GLOO_ASSIGN_OR_RETURN(Statement * put, db.Kept("INSERT OR REPLACE INTO statuses VALUES (?,?,?,?)"));
  GLOO_ASSIGN_OR_RETURN(Statement * drop, db.Kept("DELETE FROM statuses WHERE kind=? AND ns=? AND name=?"));
  for (const auto& [key, status] : pending.statuses) {
    Statement* statement = status ? put : drop;
    statement->Bind(static_cast<int64_t>(key.kind)).Bind(key.ns).Bind(key.name);
    const std::string bytes = status ? status->SerializeAsString() : std::string();
    if (status) put->BindBlob(bytes);
    GLOO_RETURN_IF_ERROR(statement->Run());
  }
  return absl::OkStatus();
}

absl::Status WriteData(Database& db, const Pending& pending) {
  GLOO_ASSIGN_OR_RETURN(Statement * put, db.Kept("INSERT OR REPLACE INTO data VALUES (?,?,?,?,?)"));
  GLOO_ASSIGN_OR_RETURN(Statement * drop, db.Kept("DELETE FROM data WHERE secret=? AND ns=? AND name=?"));
  for (const auto& [key, data] : pending.data) {
    Statement* statement = data ? put : drop;
    statement->Bind(int64_t{key.first}).Bind(key.second.ns).Bind(key.second.name);
    const std::string entries = data ? EncodeData(data->data) : std::string();
    if (data) put->Bind(data->hash).BindBlob(entries);
    GLOO_RETURN_IF_ERROR(statement->Run());
  }
  return absl::OkStatus();
}

absl::Status WriteAll(Database& db, const Pending& pending) {
  GLOO_RETURN_IF_ERROR(RunKept(db, "BEGIN IMMEDIATE"));
  absl::Status status = WriteObjects(db, pending);
  if (status.ok()) status = WriteSeen(db, pending);
  if (status.ok()) status = WriteStatuses(db, pending);
  if (status.ok()) status = WriteData(db, pending);
  if (status.ok()) status = RunKept(db, "COMMIT");
  // Fails harmlessly where SQLite has rolled back by itself.
  if (!status.ok()) db.Execute("ROLLBACK").IgnoreError();
  return status;
}

class SqliteStore final : public Store {
 public:
  SqliteStore(std::string folder, std::unique_ptr<FolderLock> lock, std::unique_ptr<Database> db)
      : folder_(std::move(folder)), lock_(std::move(lock)), db_(std::move(db)), thread_([this] { Run(); }) {}

  ~SqliteStore() override {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  Loaded Load() override {
    Flush();
    std::lock_guard lock(db_mutex_);
    Loaded out;
    absl::Status status = LoadObjects(*db_, out.good);
    if (status.ok()) status = LoadSeen(*db_, out.seen);
    if (status.ok()) status = LoadStatuses(*db_, out.statuses);
    if (status.ok()) status = LoadData(*db_, out.data);
    if (status.ok()) return out;
    if (absl::IsDataLoss(status)) BeginAnew();
    return {};
  }

  void Put(Write write, When when) override {
    {
      std::lock_guard lock(mutex_);
      pending_.Add(std::move(write));
    }
    if (when == When::kNow) wake_.notify_one();
  }

  void Flush() override {
    std::unique_lock lock(mutex_);
    const uint64_t want = ++flushes_wanted_;
    wake_.notify_one();
    flushed_.wait(lock, [&] { return flushes_done_ >= want; });
  }

  void SetWriteListener(WriteListener listener) override {
    std::lock_guard lock(listener_mutex_);
    listener_ = std::move(listener);
    if (listener_ && !told_.ok()) listener_(told_);
  }

 private:
  void Run() {
    bool failed = false;
    while (true) {
      Pending pending;
      uint64_t flushes;
      bool checkpoint;
      bool stop;
      {
        std::unique_lock lock(mutex_);
        const auto asked = [this] { return stop_ || flushes_wanted_ > flushes_done_; };
        // After a failure what waits waits on, unless somebody asks.
        if (failed) {
          wake_.wait_for(lock, kRetry, asked);
        } else {
          wake_.wait(lock, [&] { return asked() || !pending_.empty(); });
        }
        pending = std::exchange(pending_, {});
        flushes = flushes_wanted_;
        checkpoint = flushes > flushes_done_;
        stop = stop_;
      }
      absl::Status status;
      {
        std::lock_guard lock(db_mutex_);
        if (!pending.empty()) status = WriteAll(*db_, pending);
        if (absl::IsDataLoss(status)) {
          BeginAnew();
          status = WriteAll(*db_, pending);
        }
        // Commits are safe from our death as they are; a flush is safe from that of the machine too.
        if (status.ok() && checkpoint) status = db_->Execute("PRAGMA wal_checkpoint(FULL)");
      }
      Tell(status);
      std::lock_guard lock(mutex_);
      failed = !status.ok();
      if (failed) pending_.AddOlder(std::move(pending));
      flushes_done_ = flushes;
      flushed_.notify_all();
      if (stop && (failed || pending_.empty())) return;
    }
  }

  void Tell(const absl::Status& status) {
    std::lock_guard lock(listener_mutex_);
    if (status == told_) return;
    told_ = status;
    if (listener_) listener_(status);
  }

  // With db_mutex_ held. The old handle must let go of the file first.
  void BeginAnew() {
    const std::string path = FileOf(folder_);
    auto memory = Database::Open(":memory:", Database::Mode::kWrite);
    if (!memory.ok()) return;
    db_ = *std::move(memory);
    if (!SetAside(path, "damaged").ok()) return;
    if (auto fresh = OpenOrBegin(path); fresh.ok()) db_ = *std::move(fresh);
  }

  const std::string folder_;
  const std::unique_ptr<FolderLock> lock_;

  // Guards db_. Never taken while mutex_ is held.
  std::mutex db_mutex_;
  std::unique_ptr<Database> db_;

  // Guards what follows.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable flushed_;
  Pending pending_;
  uint64_t flushes_wanted_ = 0;
  uint64_t flushes_done_ = 0;
  bool stop_ = false;

  // Guards what follows. Taken alone.
  std::mutex listener_mutex_;
  WriteListener listener_;
  absl::Status told_;

  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& folder) {
  if (folder.empty()) return absl::InvalidArgumentError("the state directory must have a name");
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    const std::filesystem::path parent = std::filesystem::path(folder).parent_path();
    if (!parent.empty()) std::filesystem::create_directories(parent, error);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return absl::PermissionDeniedError("cannot make the state directory " + folder + ": " +
                                         std::generic_category().message(errno));
    }
  }
  GLOO_ASSIGN_OR_RETURN(auto lock, FolderLock::Take(folder));
  auto db = OpenOrBegin(FileOf(folder));
  if (!db.ok()) {
    return absl::Status(db.status().code(),
                        "cannot open " + FileOf(folder) + ": " + std::string(db.status().message()));
  }
  return std::make_unique<SqliteStore>(folder, std::move(lock), *std::move(db));
}

absl::StatusOr<std::vector<SavedStatus>> Store::ReadStatuses(const std::string& folder) {
  const std::string path = FileOf(folder);
  if (access(path.c_str(), F_OK) != 0) {
    return absl::NotFoundError("no state in " + folder + ": is it the state directory of a gloo that has run?");
  }
  std::vector<SavedStatus> out;
  auto db = Database::Open(path, Database::Mode::kRead);
  absl::Status status = db.ok() ? LoadStatuses(**db, out) : db.status();
  if (absl::IsPermissionDenied(status) && access((path + "-wal").c_str(), F_OK) != 0) {
    // Nobody runs, and we may not make the side files that reading needs.
    out.clear();
    db = Database::Open(path, Database::Mode::kImmutable);
    status = db.ok() ? LoadStatuses(**db, out) : db.status();
  }
  if (!status.ok()) return absl::Status(status.code(), "cannot read " + path + ": " + std::string(status.message()));
  return out;
}

}  // namespace gloo::state
