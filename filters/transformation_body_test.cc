// Bodies: held, replaced, refused, and the headers that describe them.
#include <gtest/gtest.h>

#include "filters/fake_envoy.h"
#include "filters/fake_transformation.h"

namespace gloo::filters {
namespace {

using Counters = std::map<std::string, uint64_t>;

const HeaderList kGet = {{":method", "GET"}, {":path", "/a"}};
const HeaderList kHead = {{":method", "HEAD"}, {":path", "/a"}};

HeaderList Post(HeaderList more = {}) {
  HeaderList headers = {{":method", "POST"}, {":path", "/a"}};
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

TEST_F(TransformationTest, ABodyIsHeldUntilItsEnd) {
  transformation.needs_request_body = true;
  transformation.request = Brackets();
  auto stream = Stream();
  stream->Request(Post({{"transfer-encoding", "chunked"}}), {"abc", "", "de"});
  EXPECT_EQ(stream->request.header_statuses, HeadersStatuses{kStop});
  EXPECT_EQ(stream->request.body_statuses, (BodyStatuses{kBodyTaken, kBodyTaken, kBodyContinue}));
  EXPECT_EQ(stream->request.body, "[abcde]");
  EXPECT_TRUE(stream->request.complete);
  EXPECT_EQ(HeaderOf(stream->request.headers, "content-length"), "7");
  EXPECT_EQ(HeaderOf(stream->request.headers, "transfer-encoding"), "(none)");
}

TEST_F(TransformationTest, ABodyThatWasOnlyReadGoesOnAsItCame) {
  transformation.needs_request_body = true;
  transformation.request = [](const tmpl::HeaderSource&, std::string_view body) { return Set("x", std::string(body)); };
  auto stream = Stream();
  stream->Request(Post({{"content-length", "4"}}), {"ab", "cd"});
  EXPECT_EQ(HeaderOf(stream->request.headers, "x"), "abcd");
  EXPECT_EQ(HeaderOf(stream->request.headers, "content-length"), "4");
  EXPECT_EQ(stream->request.body, "abcd");
  stream = Stream();
  stream->Request(Post(), {"ab"}, /*trailers=*/true);
  EXPECT_EQ(HeaderOf(stream->request.headers, "content-length"), "(none)");
  EXPECT_EQ(stream->request.body, "ab");
}

TEST_F(TransformationTest, WhatSpeaksOfTheOldBodyGoesWithIt) {
  transformation.needs_response_body = true;
  transformation.response = [](const tmpl::HeaderSource&, std::string_view) {
    tmpl::Outcome outcome = Body("new");
    outcome.set_headers.emplace_back("digest", "sha-256=new");
    return outcome;
  };
  const HeaderList headers{{":status", "200"},         {"etag", "\"1\""},     {"accept-ranges", "bytes"},
                           {"content-md5", "b2xk"},    {"digest", "md5=old"}, {"content-digest", "md5=:b2xk:"},
                           {"repr-digest", "md5=:o:"}, {"x-kept", "1"}};
  auto stream = Stream();
  stream->Request(kGet);
  stream->Response(headers, {"old"});
  for (const char* name : {"etag", "accept-ranges", "content-md5", "content-digest", "repr-digest"}) {
    EXPECT_EQ(HeaderOf(stream->response.headers, name), "(none)") << name;
  }
  EXPECT_EQ(HeaderOf(stream->response.headers, "digest"), "sha-256=new");
  EXPECT_EQ(HeaderOf(stream->response.headers, "x-kept"), "1");

  transformation.response = [](const tmpl::HeaderSource&, std::string_view) { return Set("x", "y"); };
  stream = Stream();
  stream->Request(kGet);
  stream->Response(headers, {"old"});
  EXPECT_EQ(HeaderOf(stream->response.headers, "etag"), "\"1\"") << "the body was only read";
}

TEST_F(TransformationTest, TrailersEndABody) {
  transformation.needs_request_body = transformation.needs_response_body = true;
  transformation.request = transformation.response = Brackets();
  auto stream = Stream();
  stream->Request(Post({{"content-length", "2"}}), {"ab"}, /*trailers=*/true);
  EXPECT_EQ(stream->request.body, "[ab]");
  EXPECT_TRUE(stream->request.complete);
  EXPECT_EQ(HeaderOf(stream->request.headers, "content-length"), "(none)") << "trailers need a chunked body";
  stream->Response({{":status", "200"}}, {"c", "d"}, /*trailers=*/true);
  EXPECT_EQ(stream->response.body, "[cd]");
  EXPECT_TRUE(stream->response.complete);
}

TEST_F(TransformationTest, TrailersWithoutABody) {
  transformation.needs_request_body = true;
  transformation.request = Brackets();
  auto stream = Stream();
  stream->Request(Post(), {}, /*trailers=*/true);
  EXPECT_EQ(stream->request.body, "[]");
  EXPECT_TRUE(stream->request.complete);
}

TEST_F(TransformationTest, ARequestWithoutABodyMayGetOne) {
  transformation.needs_request_body = true;
  transformation.request = Brackets();
  auto stream = Stream();
  stream->Request(kGet);
  EXPECT_EQ(stream->request.header_statuses, HeadersStatuses{kContinue});
  EXPECT_EQ(stream->request.body, "[]");
  EXPECT_EQ(HeaderOf(stream->request.headers, "content-length"), "2");
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Body(""); };
  stream = Stream();
  stream->Request(kGet);
  EXPECT_EQ(stream->request.headers, kGet);
}

TEST_F(TransformationTest, ABodyMayBecomeEmpty) {
  transformation.needs_request_body = true;
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Body(""); };
  auto stream = Stream();
  stream->Request(Post({{"content-length", "1"}}), {"a"});
  EXPECT_EQ(stream->request.body, "");
  EXPECT_TRUE(stream->request.complete);
  EXPECT_EQ(HeaderOf(stream->request.headers, "content-length"), "0");
}

TEST_F(TransformationTest, TooLargeIs413) {
  transformation.needs_request_body = true;
  transformation.request = Brackets();
  const FakeStream::Reply reply = {413, tmpl::TooLargeError(100, false), "gloo_transformation_too_large"};
  auto stream = Stream();
  stream->Request(Post(), {std::string(60, 'a'), std::string(40, 'a')});
  EXPECT_EQ(stream->request.body.size(), 102u) << "the limit itself is allowed";
  stream = Stream();
  stream->Request(Post(), {std::string(60, 'a'), std::string(41, 'a'), "never"});
  EXPECT_EQ(stream->reply, reply);
  EXPECT_EQ(stream->request.body_statuses, (BodyStatuses{kBodyTaken, kBodyTaken}));
  stream = Stream();
  stream->Request(Post({{"content-length", "101"}}), {"never"});
  EXPECT_EQ(stream->reply, reply) << "a length that is announced is refused at once";
  EXPECT_EQ(stream->request.header_statuses, HeadersStatuses{kStop});
  EXPECT_EQ(config.counters, (Counters{{"gloo.transformation.requests", 1},
                                       {"gloo.transformation.request_errors status=413", 2},
                                       {"gloo.transformation.too_large direction=request", 2}}));
}

TEST_F(TransformationTest, ATooLargeResponseIs502) {
  transformation.needs_response_body = true;
  transformation.response = Brackets();
  auto stream = Stream();
  stream->Request(kGet);
  stream->Response({{":status", "200"}}, {std::string(60, 'a'), std::string(41, 'a')});
  EXPECT_EQ(stream->reply, (FakeStream::Reply{502, tmpl::TooLargeError(100, true), "gloo_transformation_too_large"}));
  EXPECT_EQ(config.counters, (Counters{{"gloo.transformation.response_errors status=502", 1},
                                       {"gloo.transformation.too_large direction=response", 1}}));
}

TEST_F(TransformationTest, AnErrorAtTheEndOfABody) {
  transformation.needs_request_body = true;
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Error(400, "broken"); };
  auto stream = Stream();
  stream->Request(Post(), {"{"});
  EXPECT_EQ(stream->reply->body, "broken");
  stream = Stream();
  stream->Request(Post(), {"{"}, /*trailers=*/true);
  EXPECT_EQ(stream->reply->body, "broken");
  EXPECT_FALSE(stream->request.complete);
}

TEST_F(TransformationTest, EncodedBodiesCannotBeRead) {
  transformation.needs_request_body = transformation.needs_response_body = true;
  transformation.request = transformation.response = Brackets();
  auto stream = Stream();
  stream->Request(Post({{"content-encoding", "gz\"ip"}}), {"x"});
  EXPECT_EQ(stream->reply,
            (FakeStream::Reply{
                415, "unsupported media type: the body must not be encoded, but its content-encoding is \"gz?ip\"",
                "gloo_transformation_encoded"}));
  stream = Stream();
  stream->Request(Post({{"content-encoding", "identity"}, {"content-encoding", "gzip"}}), {"x"});
  EXPECT_EQ(stream->reply, (FakeStream::Reply{415,
                                              "unsupported media type: the body must not be encoded, but its "
                                              "content-encoding is \"identity,gzip\"",
                                              "gloo_transformation_encoded"}));
  for (const char* encoding : {"identity", "Identity", "IDENTITY , identity", ""}) {
    stream = Stream();
    stream->Request(Post({{"content-encoding", encoding}}), {"x"});
    EXPECT_EQ(stream->request.body, "[x]") << encoding;
  }
  stream->Response({{":status", "200"}, {"content-encoding", "br"}}, {"x"});
  EXPECT_EQ(stream->reply,
            (FakeStream::Reply{502, "bad response: the body must not be encoded, but its content-encoding is \"br\"",
                               "gloo_transformation_encoded"}));
}

TEST_F(TransformationTest, TheUpstreamIsAskedForAWholeAndLegibleResponse) {
  const HeaderList headers = Post({{"accept-encoding", "gzip"}, {"range", "bytes=0-1"}, {"if-range", "x"}});
  transformation.response = Brackets();
  auto stream = Stream();
  stream->Request(headers);
  EXPECT_EQ(stream->request.headers, headers) << "only if the response is read";
  transformation.needs_response_body = true;
  stream = Stream();
  stream->Request(headers);
  EXPECT_EQ(stream->request.headers, Post());
  transformation.request = [](const tmpl::HeaderSource& source, std::string_view) {
    EXPECT_EQ(source.Get("accept-encoding"), "gzip");
    return tmpl::Outcome();
  };
  stream = Stream();
  stream->Request(headers, {"x"});
  EXPECT_EQ(stream->request.headers, Post());
}

TEST_F(TransformationTest, ResponsesAreHeldAndReplaced) {
  transformation.needs_response_body = true;
  transformation.response = Brackets();
  auto stream = Stream();
  stream->Request(kGet);
  stream->Response({{":status", "200"}, {"content-length", "4"}}, {"ab", "cd"});
  EXPECT_EQ(stream->response.header_statuses, HeadersStatuses{kStop});
  EXPECT_EQ(stream->response.body, "[abcd]");
  EXPECT_EQ(HeaderOf(stream->response.headers, "content-length"), "6");
  stream = Stream();
  stream->Request(kGet);
  stream->Response({{":status", "200"}, {"content-length", "0"}});
  EXPECT_EQ(stream->response.body, "[]");
  EXPECT_EQ(HeaderOf(stream->response.headers, "content-length"), "2");
}

TEST_F(TransformationTest, HeadersOfResponsesWithoutABody) {
  transformation.response = [](const tmpl::HeaderSource&, std::string_view) { return Set("x", "y"); };
  for (const char* status : {"204", "304"}) {
    auto stream = Stream();
    stream->Request(kGet);
    stream->Response({{":status", status}});
    EXPECT_EQ(stream->response.headers, (HeaderList{{":status", status}, {"x", "y"}}));
    EXPECT_TRUE(stream->response.complete);
  }
  auto stream = Stream();
  stream->Request(kHead);
  stream->Response({{":status", "200"}, {"content-length", "9"}});
  EXPECT_EQ(stream->response.headers, (HeaderList{{":status", "200"}, {"content-length", "9"}, {"x", "y"}}));
  transformation.response = [](const tmpl::HeaderSource&, std::string_view) { return Error(502, "no"); };
  stream = Stream();
  stream->Request(kHead);
  stream->Response({{":status", "200"}});
  EXPECT_EQ(stream->reply->status, 502u);
}

TEST_F(TransformationTest, ResponsesWithoutABodyAreNotRead) {
  transformation.needs_response_body = true;
  transformation.response = [](const tmpl::HeaderSource&, std::string_view) {
    ADD_FAILURE() << "there is no body to read";
    return tmpl::Outcome();
  };
  auto stream = Stream();
  stream->Request(kGet);
  stream->Response({{":status", "204"}});
  EXPECT_TRUE(stream->response.complete);
  for (const HeaderList& headers : {kGet, kHead}) {
    stream = Stream();
    stream->Request(headers);
    stream->Response({{":status", "304"}, {"content-length", "9"}});
    EXPECT_EQ(stream->response.headers, (HeaderList{{":status", "304"}}));
  }
}

TEST_F(TransformationTest, AMethodThatBecomesHead) {
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Set(":method", "HEAD"); };
  auto stream = Stream();
  stream->Request(kGet);
  stream->Response({{":status", "200"}, {"content-length", "9"}});
  EXPECT_EQ(stream->response.headers, (HeaderList{{":status", "200"}})) << "nine bytes would never come";
}

TEST_F(TransformationTest, HeadThatBecomesAnotherMethod) {
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Set(":method", "GET"); };
  auto stream = Stream();
  stream->Request(kHead);
  stream->Response({{":status", "200"}, {"content-length", "4"}}, {"ab", "cd"}, /*trailers=*/true);
  EXPECT_EQ(stream->response.body, "") << "the client gets no body";
  EXPECT_EQ(HeaderOf(stream->response.headers, "content-length"), "4");
  EXPECT_TRUE(stream->response.complete);
}

TEST_F(TransformationTest, InformationalResponsesPass) {
  transformation.response = Brackets();
  auto stream = Stream();
  stream->Request(kGet);
  stream->Response({{":status", "101"}}, {"x"});
  EXPECT_EQ(stream->response.body, "x");
}

TEST_F(TransformationTest, AStreamMayEndAtAnyMoment) {
  transformation.needs_request_body = transformation.needs_response_body = true;
  transformation.request = transformation.response = Brackets();
  Stream();
  auto stream = Stream();
  envoy_dynamic_module_on_http_filter_request_headers(stream.get(), stream->module, false);
  stream->Destroy();
  stream = Stream();
  stream->Request(kGet);
  stream->response.headers = {{":status", "200"}};
  EXPECT_EQ(envoy_dynamic_module_on_http_filter_response_headers(stream.get(), stream->module, false), kStop);
  stream->response.in_body_hook = true;
  stream->response.received = {"partial"};
  EXPECT_EQ(envoy_dynamic_module_on_http_filter_response_body(stream.get(), stream->module, false), kBodyTaken);
  stream->response.in_body_hook = false;
  stream->LocalReply(504);
  EXPECT_EQ(stream->response.headers, (HeaderList{{":status", "504"}}));
}

TEST_F(TransformationTest, ManySlices) {
  transformation.needs_request_body = true;
  transformation.limit = 10000;
  transformation.request = Brackets();
  auto stream = Stream();
  stream->request.headers = Post();
  envoy_dynamic_module_on_http_filter_request_headers(stream.get(), stream->module, false);
  stream->request.in_body_hook = true;
  stream->request.received = std::vector<std::string>(100, "ab");
  EXPECT_EQ(envoy_dynamic_module_on_http_filter_request_body(stream.get(), stream->module, true), kBodyContinue);
  ASSERT_EQ(stream->request.received.size(), 1u);
  EXPECT_EQ(stream->request.received[0].size(), 202u);
}

}  // namespace
}  // namespace gloo::filters
