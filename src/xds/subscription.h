// What one client has asked for, been sent and acknowledged of one resource type. Plain data; Session moves it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "snapshot/resource.h"

namespace gloo::xds {

// A version that the client refused: it is not sent again.
struct Refusal {
  std::string version;
  std::string message;
  // Sent in its place while there is no other version; null: none.
  snapshot::ResourcePtr substitute;
};

// How a resource at the client differs from the snapshot. Exists only while it does.
struct Lag {
  // The oldest change that is not in force, as Session::sequence_ counts them; and the oldest one that came after the
  // response in flight was made (0: none).
  uint64_t sequence = 0;
  uint64_t uncovered = 0;
  // The newest one.
  uint64_t newest = 0;
  // Its key in Subscription::pending; 0: not there.
  uint64_t pending = 0;
  // The response in flight that holds it; 0: none.
  uint64_t nonce = 0;
  bool queued = false;
  // To be sent in a response of its own: it was in one that the client refused.
  bool alone = false;
  // To be sent even if it did not change: the client asked again.
  bool force = false;
  // The client had its time to subscribe to what this warms.
  bool grace_started = false;
  bool grace_over = false;
  // A scope that is to go stays until that tick; 0: that is not known yet.
  uint64_t stays_until = 0;
  std::optional<snapshot::ResourceRef> waiting_for;
  // From a refused response with several resources: Envoy takes the good ones of it all the same.
  snapshot::ResourcePtr maybe;
};

struct Entry {
  // By name; false: only by the wildcard.
  bool subscribed = false;
  // The client was told that there is none.
  bool absent = false;
  // The last form sent; null: none, or its removal.
  snapshot::ResourcePtr sent;
  // The last form that the client acknowledged; null: none.
  snapshot::ResourcePtr acked;
  // What the acknowledged form, or one before it that it replaces, warms was there once: it is of use. Not every client
  // holds its acknowledgement back until then.
  bool warm = false;
  std::unique_ptr<Lag> lag;
  std::unique_ptr<Refusal> refusal;
};

// A response that was sent and not answered.
struct InFlight {
  uint64_t nonce = 0;
  absl::Time sent;
  std::vector<std::pair<std::string, snapshot::ResourcePtr>> upserts;
  std::vector<std::string> removals;
};

struct Subscription {
  // The client has asked for this type on this stream.
  bool asked = false;
  // It has, or is offered some of it unasked: Session::OfferClusterOf().
  bool active = false;
  bool wildcard = false;
  // An answer is owed even if there is nothing to say: the client waits for its first one.
  bool owes_answer = false;
  absl::flat_hash_map<std::string, Entry> entries;
  size_t lagging = 0;
  // Names to look at when the next response is made; entries may have gone since.
  std::deque<std::string> queue;
  // Upserts not in force and not refused, by the sequence number of their change.
  absl::btree_map<uint64_t, uint32_t> pending;
  absl::flat_hash_map<uint64_t, InFlight> in_flight;
  // Of the last response (state of the world: answers to others are stale).
  uint64_t last_nonce = 0;
};

}  // namespace gloo::xds
