// Secrets by server name.
#include "xds/testing/session_harness.h"

namespace gloo::xds::testing {
namespace {

TEST(DeltaSession, SecretsAreAnsweredByTheNearestName) {
  Harness h;
  h.Publish({Secret("*", "any")});
  h.Subscribe(Type::kSecret, {"a.b.c", "x.y", "*", "ns/own"});
  EXPECT_EQ(h.NextAcked(), "Secret +*=any +a.b.c=any +x.y=any -ns/own");
  h.Publish({Secret("*.b.c", "wild")});
  EXPECT_EQ(h.NextAcked(), "Secret +a.b.c=wild");
  h.Publish({Secret("a.b.c", "exact")});
  EXPECT_EQ(h.NextAcked(), "Secret +a.b.c=exact");
  h.Publish({Secret("*.b.c", "wild2")});
  EXPECT_EQ(h.Next(), "");
  h.Publish({}, {{Type::kSecret, "a.b.c"}});
  EXPECT_EQ(h.NextAcked(), "Secret +a.b.c=wild2");
  h.Publish({}, {{Type::kSecret, "*.b.c"}, {Type::kSecret, "*"}});
  EXPECT_EQ(h.NextAcked(), "Secret -* -a.b.c -x.y");
  // Acknowledgements speak of the entries that answered.
  EXPECT_THAT(h.acks, ElementsAre("0 *", "0 *", "0 *", "0 *.b.c", "0 a.b.c", "0 *.b.c"));
}

TEST(DeltaSession, SecretsAreFoundInAnySpelling) {
  Harness h;
  h.Publish({Secret("a.b.c", "exact"), Secret("*.b.c", "wild")});
  h.Subscribe(Type::kSecret, {"A.b.C.", "X.b.c."});
  EXPECT_EQ(h.NextAcked(), "Secret +A.b.C.=exact +X.b.c.=wild");
  h.Publish({Secret("a.b.c", "exact2"), Secret("other", "1")});
  EXPECT_EQ(h.NextAcked(), "Secret +A.b.C.=exact2");
  h.Publish({Secret("*.b.c", "wild2")});
  EXPECT_EQ(h.NextAcked(), "Secret +X.b.c.=wild2");
  h.Publish({Secret("x.b.c", "own")});
  EXPECT_EQ(h.NextAcked(), "Secret +X.b.c.=own");
  h.Unsubscribe(Type::kSecret, {"A.b.C.", "X.b.c."});
  h.Publish({Secret("a.b.c", "exact3"), Secret("*.b.c", "wild3")});
  EXPECT_EQ(h.Next(), "");
}

TEST(DeltaSession, AWildcardAnswersSoManyNamesAndNoMore) {
  Harness h;
  h.Publish({Secret("*.b.c", "wild"), Secret("*.d", "other"), Secret("own.b.c", "exact")});
  h.Subscribe(Type::kSecret, {"1.b.c", "2.b.c", "3.b.c"});
  EXPECT_EQ(h.NextAcked(), "Secret +1.b.c=wild +2.b.c=wild +3.b.c=wild");
  h.Subscribe(Type::kSecret, {"4.b.c", "own.b.c", "1.d"});
  EXPECT_EQ(h.NextAcked(), "Secret +1.d=other +own.b.c=exact -4.b.c");
  EXPECT_THAT(h.names_refused, ElementsAre("*.b.c"));
  h.Unsubscribe(Type::kSecret, {"4.b.c", "2.b.c"});
  h.Subscribe(Type::kSecret, {"5.b.c"});
  EXPECT_EQ(h.NextAcked(), "Secret +5.b.c=wild");
  // An entry of its own makes room, and its end needs some.
  h.Publish({Secret("1.b.c", "exact"), Secret("*.b.c", "wild2")});
  EXPECT_EQ(h.NextAcked(), "Secret +1.b.c=exact +3.b.c=wild2 +5.b.c=wild2");
  h.Subscribe(Type::kSecret, {"6.b.c"});
  EXPECT_EQ(h.NextAcked(), "Secret +6.b.c=wild2");
  h.Publish({}, {{Type::kSecret, "1.b.c"}});
  EXPECT_EQ(h.NextAcked(), "Secret -1.b.c");
  EXPECT_TRUE(h.Converged());
  EXPECT_THAT(h.names_refused, ElementsAre("*.b.c", "*.b.c"));
}

}  // namespace
}  // namespace gloo::xds::testing
