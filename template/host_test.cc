#include "template/host.h"

#include <gtest/gtest.h>

#include <string>

namespace gloo::tmpl {
namespace {

std::string Normalize(std::string_view authority) {
  std::array<char, kMaxHost> buffer;
  return std::string(NormalizeHost(authority, &buffer));
}

TEST(NormalizeHostTest, HostOfAnAuthority) {
  EXPECT_EQ(Normalize("example.com"), "example.com");
  EXPECT_EQ(Normalize("EXAMPLE.Com:8080"), "example.com");
  EXPECT_EQ(Normalize("example.com."), "example.com");
  EXPECT_EQ(Normalize("example.com.:443"), "example.com");
  EXPECT_EQ(Normalize("example.com:"), "example.com");
  EXPECT_EQ(Normalize("[::1]"), "[::1]");
  EXPECT_EQ(Normalize("[FE80::A]:8443"), "[fe80::a]");
  EXPECT_EQ(Normalize("fe80::1"), "fe80::1");
  EXPECT_EQ(Normalize("[::1"), "[::1");
  EXPECT_EQ(Normalize("10.0.0.1:80"), "10.0.0.1");
  EXPECT_EQ(Normalize(""), "");
  EXPECT_EQ(Normalize(":80"), "");
  EXPECT_EQ(Normalize("."), "");
  EXPECT_EQ(Normalize(std::string(kMaxHost, 'a')), std::string(kMaxHost, 'a'));
  EXPECT_EQ(Normalize(std::string(kMaxHost + 1, 'a')), "");
}

}  // namespace
}  // namespace gloo::tmpl
