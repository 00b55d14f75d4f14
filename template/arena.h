// A monotonic memory: values of one message are made in it and go away together.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>

namespace gloo::tmpl {

// Hands out memory from the caller's first block, then from blocks of its own. Nothing is destroyed one by one, so only
// trivial types live here. Addresses are stable. Not thread safe.
class Arena {
 public:
  Arena() = default;
  // For what is small and many: the first block has this size.
  explicit Arena(size_t first_block) : smallest_(first_block) {}
  Arena(char* first_block, size_t size) : next_(first_block), end_(first_block + size) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    while (blocks_ != nullptr) {
      Block* previous = blocks_->previous;
      ::operator delete(blocks_);
      blocks_ = previous;
    }
  }

  static constexpr size_t kAlign = 8;

  // Uninitialized.
  template <typename T>
  T* New(size_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kAlign);
    return reinterpret_cast<T*>(Allocate(count * sizeof(T)));
  }

  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    char* to = New<char>(text.size());
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  // Bytes handed out, without those that were discounted: what limits are checked against.
  size_t used() const { return used_; }

  // Of the bytes handed out `bytes` are counted elsewhere.
  void Discount(size_t bytes) { used_ -= bytes; }

 private:
  struct Block {
    Block* previous;
    size_t size;
  };
  static constexpr size_t kSmallestBlock = 16 << 10;

  char* Allocate(size_t bytes) {
    bytes = (bytes + kAlign - 1) & ~(kAlign - 1);
    used_ += bytes;
    if (static_cast<size_t>(end_ - next_) < bytes) Grow(bytes);
    char* result = next_;
    next_ += bytes;
    return result;
  }

  void Grow(size_t bytes) {
    size_t size = blocks_ == nullptr ? smallest_ : blocks_->size * 2;
    if (size > (4u << 20)) size = 4u << 20;
    if (size < bytes) size = bytes;
    Block* block = static_cast<Block*>(::operator new(sizeof(Block) + size, std::nothrow));
    if (block == nullptr) std::abort();
    block->previous = blocks_;
    block->size = size;
    blocks_ = block;
    next_ = reinterpret_cast<char*>(block + 1);
    end_ = next_ + size;
  }

  char* next_ = nullptr;
  char* end_ = nullptr;
  Block* blocks_ = nullptr;
  size_t used_ = 0;
  size_t smallest_ = kSmallestBlock;
};

// An arena whose first block lies in the object: small messages allocate nothing.
template <size_t kBytes>
class InlineArena : public Arena {
 public:
  InlineArena() : Arena(first_, kBytes) {}

 private:
  alignas(8) char first_[kBytes];
};

}  // namespace gloo::tmpl
