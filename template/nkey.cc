#include "template/nkey.h"

#include <cstddef>
#include <cstdint>

namespace gloo::tmpl {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
// Of the first byte: five bits are the letter that the text begins with.
constexpr uint8_t kSeed = 18 << 3;  // S
constexpr uint8_t kUser = 20 << 3;  // U
constexpr size_t kKeyBytes = 32;
constexpr size_t kSeedLetters = 58;

// CRC-16/XMODEM.
uint16_t Checksum(std::string_view bytes) {
  uint16_t crc = 0;
  for (const char c : bytes) {
    crc = static_cast<uint16_t>(crc ^ static_cast<uint8_t>(c) << 8);
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1);
    }
  }
  return crc;
}

std::string EncodeBase32(std::string_view bytes) {
  std::string out;
  uint32_t held = 0;
  int count = 0;
  for (const char c : bytes) {
    held = held << 8 | static_cast<uint8_t>(c);
    count += 8;
    while (count >= 5) {
      count -= 5;
      out.push_back(kBase32[held >> count & 31]);
    }
    held &= (1u << count) - 1;
  }
  if (count > 0) out.push_back(kBase32[held << (5 - count) & 31]);
  return out;
}

bool DecodeBase32(std::string_view text, std::string* out) {
  uint32_t held = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = kBase32.find(c);
    if (value == std::string_view::npos) return false;
    held = held << 5 | static_cast<uint32_t>(value);
    count += 5;
    if (count >= 8) {
      count -= 8;
      out->push_back(static_cast<char>(held >> count));
      held &= (1u << count) - 1;
    }
  }
  return held == 0;
}

}  // namespace

bool ReadUserSeed(std::string_view text, std::string* seed) {
  std::string bytes;
  if (text.size() != kSeedLetters || !DecodeBase32(text, &bytes) || bytes.size() != 2 + kKeyBytes + 2) return false;
  const std::string_view checked = std::string_view(bytes).substr(0, 2 + kKeyBytes);
  const uint16_t checksum = Checksum(checked);
  if (static_cast<uint8_t>(bytes[2 + kKeyBytes]) != (checksum & 0xff) ||
      static_cast<uint8_t>(bytes[2 + kKeyBytes + 1]) != checksum >> 8) {
    return false;
  }
  // Two letters of five bits: that it is a seed, and whose.
  if (static_cast<uint8_t>(bytes[0]) != (kSeed | kUser >> 5) ||
      static_cast<uint8_t>(bytes[1]) != static_cast<uint8_t>((kUser & 31) << 3)) {
    return false;
  }
  *seed = bytes.substr(2, kKeyBytes);
  return true;
}

std::string UserKeyText(std::string_view public_key) {
  std::string bytes(1, static_cast<char>(kUser));
  bytes.append(public_key);
  const uint16_t checksum = Checksum(bytes);
  bytes.push_back(static_cast<char>(checksum & 0xff));
  bytes.push_back(static_cast<char>(checksum >> 8));
  return EncodeBase32(bytes);
}

}  // namespace gloo::tmpl
