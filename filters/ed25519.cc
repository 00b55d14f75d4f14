#include "filters/ed25519.h"

#include <algorithm>
#include <cstring>

namespace gloo::filters {
namespace {

using Wide = unsigned __int128;

// ---- SHA-512 (FIPS 180-4)

constexpr uint64_t kRounds[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};
constexpr uint64_t kStart[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

uint64_t RotateRight(uint64_t x, int bits) { return x >> bits | x << (64 - bits); }

void HashBlock(const uint8_t* block, uint64_t* state) {
  uint64_t schedule[80];
  for (size_t i = 0; i < 16; ++i) {
    uint64_t word = 0;
    for (size_t byte = 0; byte < 8; ++byte) word = word << 8 | block[8 * i + byte];
    schedule[i] = word;
  }
  for (size_t i = 16; i < 80; ++i) {
    const uint64_t a = schedule[i - 15];
    const uint64_t b = schedule[i - 2];
    schedule[i] = schedule[i - 16] + schedule[i - 7] + (RotateRight(a, 1) ^ RotateRight(a, 8) ^ a >> 7) +
                  (RotateRight(b, 19) ^ RotateRight(b, 61) ^ b >> 6);
  }
  uint64_t v[8];
  std::copy(state, state + 8, v);
  for (size_t i = 0; i < 80; ++i) {
    const uint64_t e = v[4];
    const uint64_t a = v[0];
    const uint64_t first = v[7] + (RotateRight(e, 14) ^ RotateRight(e, 18) ^ RotateRight(e, 41)) +
                           ((e & v[5]) ^ (~e & v[6])) + kRounds[i] + schedule[i];
    const uint64_t second =
        (RotateRight(a, 28) ^ RotateRight(a, 34) ^ RotateRight(a, 39)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    std::copy_backward(v, v + 7, v + 8);
    v[4] += first;
    v[0] = first + second;
  }
  for (size_t i = 0; i < 8; ++i) state[i] += v[i];
}

// ---- the field of integers modulo p = 2^255 - 19, in limbs of 51 bits

constexpr uint64_t kLimb = (uint64_t{1} << 51) - 1;

// Limbs may be a little larger than 51 bits between operations.
struct Element {
  uint64_t limb[5];
};

constexpr Element kZero{};
constexpr Element kOne{{1}};

Element Carry(Element a) {
  for (int round = 0; round < 2; ++round) {
    uint64_t carry = 0;
    for (uint64_t& limb : a.limb) {
      limb += carry;
      carry = limb >> 51;
      limb &= kLimb;
    }
    a.limb[0] += 19 * carry;
  }
  return a;
}

Element Add(const Element& a, const Element& b) {
  Element out;
  for (int i = 0; i < 5; ++i) out.limb[i] = a.limb[i] + b.limb[i];
  return Carry(out);
}

Element Subtract(const Element& a, const Element& b) {
  // Four times p is added, lest a limb fall below zero.
  Element out;
  for (int i = 0; i < 5; ++i) out.limb[i] = a.limb[i] + 4 * (i == 0 ? kLimb - 18 : kLimb) - b.limb[i];
  return Carry(out);
}

Element Multiply(const Element& a, const Element& b) {
  Wide sum[5] = {};
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 5; ++j) {
      // 2^255 is 19.
      const Wide product = static_cast<Wide>(a.limb[i]) * b.limb[j];
      sum[(i + j) % 5] += i + j < 5 ? product : product * 19;
    }
  }
  Element out;
  Wide carry = 0;
  for (int i = 0; i < 5; ++i) {
    sum[i] += carry;
    out.limb[i] = static_cast<uint64_t>(sum[i]) & kLimb;
    carry = sum[i] >> 51;
  }
  const Wide first = out.limb[0] + carry * 19;
  out.limb[0] = static_cast<uint64_t>(first) & kLimb;
  out.limb[1] += static_cast<uint64_t>(first >> 51);
  return out;
}

// a^(p-2): by Fermat, 1/a. The bits of the exponent are ones but for two of the lowest five.
Element Invert(const Element& a) {
  Element out = kOne;
  for (int bit = 254; bit >= 0; --bit) {
    out = Multiply(out, out);
    if (bit != 2 && bit != 4) out = Multiply(out, a);
  }
  return out;
}

// The one number below p, lowest byte first.
void ToBytes(const Element& element, uint8_t* out) {
  Element a = Carry(Carry(element));
  // Whether adding 19 reaches 2^255 says whether it is p or more.
  uint64_t carry = 19;
  for (const uint64_t limb : a.limb) carry = (limb + carry) >> 51;
  a.limb[0] += 19 * carry;
  uint64_t over = 0;
  for (uint64_t& limb : a.limb) {
    limb += over;
    over = limb >> 51;
    limb &= kLimb;
  }
  std::memset(out, 0, 32);
  for (int bit = 0; bit < 255; ++bit) {
    out[bit / 8] |= static_cast<uint8_t>((a.limb[bit / 51] >> (bit % 51) & 1) << (bit % 8));
  }
}

// ---- the curve -x^2 + y^2 = 1 + d x^2 y^2, in extended coordinates

struct Point {
  Element x, y, z, t;
};

constexpr Element kTwiceD = {{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
constexpr Element kBaseX = {{0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5}};
constexpr Element kBaseY = {{0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666}};

// Good for any two points, one and the same too.
Point Add(const Point& p, const Point& q) {
  const Element a = Multiply(Subtract(p.y, p.x), Subtract(q.y, q.x));
  const Element b = Multiply(Add(p.y, p.x), Add(q.y, q.x));
  const Element c = Multiply(Multiply(p.t, kTwiceD), q.t);
  const Element zz = Multiply(p.z, q.z);
  const Element d = Add(zz, zz);
  const Element e = Subtract(b, a);
  const Element f = Subtract(d, c);
  const Element g = Add(d, c);
  const Element h = Add(b, a);
  return {Multiply(e, f), Multiply(g, h), Multiply(f, g), Multiply(e, h)};
}

void SwapIf(uint64_t bit, Point* p, Point* q) {
  const uint64_t mask = 0 - bit;
  Element* const of_p[] = {&p->x, &p->y, &p->z, &p->t};
  Element* const of_q[] = {&q->x, &q->y, &q->z, &q->t};
  for (int i = 0; i < 4; ++i) {
    for (int limb = 0; limb < 5; ++limb) {
      const uint64_t difference = mask & (of_p[i]->limb[limb] ^ of_q[i]->limb[limb]);
      of_p[i]->limb[limb] ^= difference;
      of_q[i]->limb[limb] ^= difference;
    }
  }
}

// The base point times a secret number of 256 bits, in the same steps for each number; encoded.
void MultiplyBase(const uint8_t* scalar, uint8_t* out) {
  Point sum{kZero, kOne, kOne, kZero};
  Point next{kBaseX, kBaseY, kOne, Multiply(kBaseX, kBaseY)};
  for (int i = 255; i >= 0; --i) {
    const uint64_t bit = scalar[i / 8] >> (i % 8) & 1;
    SwapIf(bit, &sum, &next);
    next = Add(sum, next);
    sum = Add(sum, sum);
    SwapIf(bit, &sum, &next);
  }
  const Element inverse = Invert(sum.z);
  uint8_t x[32];
  ToBytes(Multiply(sum.x, inverse), x);
  ToBytes(Multiply(sum.y, inverse), out);
  out[31] |= static_cast<uint8_t>((x[0] & 1) << 7);
}

// ---- numbers modulo the order of the base point, 2^252 + 27742317777372353535851937790883648493

constexpr uint64_t kOrder[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};

// Of `count` limbs of 64 bits, the lowest first; bit by bit, in the same steps for each number.
void Reduce(const uint64_t* number, int count, uint64_t* out) {
  std::fill(out, out + 4, 0);
  for (int bit = 64 * count - 1; bit >= 0; --bit) {
    uint64_t carry = number[bit / 64] >> (bit % 64) & 1;
    for (int i = 0; i < 4; ++i) {
      const uint64_t top = out[i] >> 63;
      out[i] = out[i] << 1 | carry;
      carry = top;
    }
    uint64_t less[4];
    uint64_t borrow = 0;
    for (int i = 0; i < 4; ++i) {
      const Wide difference = static_cast<Wide>(out[i]) - kOrder[i] - borrow;
      less[i] = static_cast<uint64_t>(difference);
      borrow = static_cast<uint64_t>(difference >> 64) & 1;
    }
    const uint64_t keep = 0 - borrow;
    for (int i = 0; i < 4; ++i) out[i] = (out[i] & keep) | (less[i] & ~keep);
  }
}

template <size_t N>
void FromBytes(const uint8_t* bytes, uint64_t (&out)[N]) {
  for (size_t i = 0; i < N; ++i) {
    out[i] = 0;
    for (size_t byte = 8; byte-- > 0;) out[i] = out[i] << 8 | bytes[8 * i + byte];
  }
}

void ToBytes(const uint64_t (&number)[4], uint8_t* out) {
  for (size_t i = 0; i < 32; ++i) out[i] = static_cast<uint8_t>(number[i / 8] >> (8 * (i % 8)));
}

void ReduceHash(const Sha512Digest& hash, uint64_t (&out)[4]) {
  uint64_t number[8];
  FromBytes(hash.data(), number);
  Reduce(number, 8, out);
}

std::string_view View(const uint8_t* bytes, size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

// The secret number of a seed, in the first half, and the secret that signatures are varied by.
Sha512Digest Expand(std::string_view seed) {
  Sha512Digest out = Sha512({seed});
  out[0] &= 0xf8;
  out[31] = static_cast<uint8_t>((out[31] & 0x7f) | 0x40);
  return out;
}

}  // namespace

Sha512Digest Sha512(std::initializer_list<std::string_view> parts) {
  uint64_t state[8];
  std::copy(std::begin(kStart), std::end(kStart), state);
  uint8_t block[128];
  size_t held = 0;
  uint64_t total = 0;
  const auto take = [&](uint8_t byte) {
    block[held++] = byte;
    if (held < sizeof(block)) return;
    HashBlock(block, state);
    held = 0;
  };
  for (const std::string_view part : parts) {
    total += part.size();
    for (const char c : part) take(static_cast<uint8_t>(c));
  }
  take(0x80);
  while (held != 112) take(0);
  // The length has 128 bits.
  for (int i = 0; i < 8; ++i) take(0);
  for (int i = 7; i >= 0; --i) take(static_cast<uint8_t>((total * 8) >> (8 * i)));
  Sha512Digest out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(state[i / 8] >> (56 - 8 * (i % 8)));
  return out;
}

Ed25519Key Ed25519Public(std::string_view seed) {
  const Sha512Digest secret = Expand(seed);
  Ed25519Key out;
  MultiplyBase(secret.data(), out.data());
  return out;
}

Ed25519Signature Ed25519Sign(std::string_view seed, std::string_view message) {
  const Sha512Digest secret = Expand(seed);
  const Ed25519Key key = Ed25519Public(seed);
  uint64_t r[4];
  ReduceHash(Sha512({View(secret.data() + 32, 32), message}), r);
  uint8_t r_bytes[32];
  ToBytes(r, r_bytes);
  Ed25519Signature out;
  MultiplyBase(r_bytes, out.data());
  uint64_t k[4];
  ReduceHash(Sha512({View(out.data(), 32), View(key.data(), 32), message}), k);
  // r + k s
  uint64_t s[4];
  FromBytes(secret.data(), s);
  uint64_t sum[9] = {r[0], r[1], r[2], r[3]};
  for (int i = 0; i < 4; ++i) {
    uint64_t carry = 0;
    for (int j = 0; j < 4; ++j) {
      const Wide term = static_cast<Wide>(k[i]) * s[j] + sum[i + j] + carry;
      sum[i + j] = static_cast<uint64_t>(term);
      carry = static_cast<uint64_t>(term >> 64);
    }
    for (int at = i + 4; at < 9; ++at) {
      const Wide term = static_cast<Wide>(sum[at]) + carry;
      sum[at] = static_cast<uint64_t>(term);
      carry = static_cast<uint64_t>(term >> 64);
    }
  }
  uint64_t result[4];
  Reduce(sum, 9, result);
  ToBytes(result, out.data() + 32);
  return out;
}

}  // namespace gloo::filters
