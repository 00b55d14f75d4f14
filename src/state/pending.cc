#include "state/pending.h"

namespace gloo::state {

void Pending::Add(Write write) {
  for (const model::ObjectKey& key : write.gone) {
    good[key] = nullptr;
    seen[key] = std::nullopt;
    statuses[key] = std::nullopt;
  }
  for (const model::ObjectKey& key : write.gone_seen) seen[key] = std::nullopt;
  for (const model::ObjectKey& key : write.gone_statuses) statuses[key] = std::nullopt;
  for (const auto& key : write.gone_data) data[key] = nullptr;
  for (model::ObjectPtr& object : write.good) {
    const model::ObjectKey key = object->key;
    good[key] = std::move(object);
  }
  for (SeenObject& object : write.seen) {
    const model::ObjectKey key = object.key;
    seen[key] = std::move(object);
  }
  for (SavedStatus& status : write.statuses) statuses[status.key] = std::move(status.status);
  for (SavedData& saved : write.data) {
    const std::pair<bool, model::DataKey> key(saved.secret, {saved.data->ns, saved.data->name});
    data[key] = std::move(saved.data);
  }
}

void Pending::AddOlder(Pending older) {
  good.merge(older.good);
  seen.merge(older.seen);
  statuses.merge(older.statuses);
  data.merge(older.data);
}

}  // namespace gloo::state
