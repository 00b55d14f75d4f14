#include "net/fetch.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "base/url.h"

namespace gloo::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using Response = http::response<http::string_body>;

// Nothing that could end a line of the request.
std::optional<Url> Parse(std::string_view text) {
  std::optional<Url> url = ParseUrl(text);
  if (!url ||
      std::any_of(url->target.begin(), url->target.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f; })) {
    return std::nullopt;
  }
  if (!url->target.starts_with('/')) url->target.insert(0, "/");
  return url;
}

// Of a POST.
struct Content {
  std::string type;
  std::string body;
};

template <typename Stream>
asio::awaitable<Response> Exchange(Stream& stream, const Url& url, const Content* content, const FetchLimits& limits) {
  http::request<http::string_body> request(content == nullptr ? http::verb::get : http::verb::post, url.target, 11);
  if (content != nullptr) {
    request.set(http::field::content_type, content->type);
    request.body() = content->body;
    request.prepare_payload();
  }
  request.set(http::field::host, url.authority());
  request.set(http::field::user_agent, "gloo");
  request.set(http::field::accept, "application/json, application/yaml, */*;q=0.5");
  request.keep_alive(false);
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(limits.max_bytes);
  co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
  co_return parser.release();
}

asio::awaitable<Response> Ask(Url url, const Content* content, FetchLimits limits,
                              std::chrono::steady_clock::time_point deadline) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto endpoints = co_await resolver.async_resolve(url.host, std::to_string(url.port), asio::use_awaitable);
  if (!url.tls) {
    beast::tcp_stream stream(executor);
    stream.expires_at(deadline);
    co_await stream.async_connect(endpoints, asio::use_awaitable);
    co_return co_await Exchange(stream, url, content, limits);
  }
  ssl::context context(ssl::context::tls_client);
  context.set_default_verify_paths();
  context.set_verify_mode(ssl::verify_peer);
  beast::ssl_stream<beast::tcp_stream> stream(executor, context);
  stream.set_verify_callback(ssl::host_name_verification(url.host));
  SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
  beast::get_lowest_layer(stream).expires_at(deadline);
  co_await beast::get_lowest_layer(stream).async_connect(endpoints, asio::use_awaitable);
  co_await stream.async_handshake(ssl::stream_base::client, asio::use_awaitable);
  co_return co_await Exchange(stream, url, content, limits);
}

absl::StatusOr<Response> AskOnce(const std::string& text, const Url& url, const Content* content,
                                 const FetchLimits& limits, std::chrono::steady_clock::time_point deadline) {
  try {
    asio::io_context io;
    std::exception_ptr failure;
    Response response;
    asio::co_spawn(io, Ask(url, content, limits, deadline), [&](std::exception_ptr error, Response got) {
      failure = error;
      response = std::move(got);
    });
    // Names are resolved without a limit of their own.
    io.run_until(deadline + std::chrono::seconds(1));
    if (!io.stopped()) return absl::DeadlineExceededError(StrCat("cannot fetch ", text, ": it takes too long"));
    if (failure) std::rethrow_exception(failure);
    return response;
  } catch (const boost::system::system_error& error) {
    if (error.code() == http::error::body_limit) {
      return absl::OutOfRangeError(StrCat("cannot fetch ", text, ": it has more than ", limits.max_bytes, " bytes"));
    }
    return absl::UnavailableError(StrCat("cannot fetch ", text, ": ", error.code().message()));
  } catch (const std::exception& error) {
    return absl::UnavailableError(StrCat("cannot fetch ", text, ": ", error.what()));
  }
}

}  // namespace

absl::StatusOr<std::string> Fetch(const std::string& url, const FetchLimits& limits) {
  const auto deadline = std::chrono::steady_clock::now() + limits.timeout;
  std::string at = url;
  for (int redirects = 0;; ++redirects) {
    const std::optional<Url> parsed = Parse(at);
    if (!parsed) return absl::InvalidArgumentError(StrCat("\"", at, "\" is no URL of http or https"));
    absl::StatusOr<Response> response = AskOnce(at, *parsed, nullptr, limits, deadline);
    if (!response.ok()) return response.status();
    const unsigned status = response->result_int();
    if (status == 200) return std::move(response->body());
    const std::string location((*response)[http::field::location]);
    if (status < 300 || status > 399 || location.empty()) {
      return absl::UnavailableError(StrCat("cannot fetch ", at, ": it answers ", status));
    }
    if (redirects == limits.max_redirects) {
      return absl::UnavailableError(StrCat("cannot fetch ", url, ": more than ", redirects, " redirects"));
    }
    if (location.starts_with('/') && !location.starts_with("//")) {
      at = StrCat(parsed->origin(), location);
    } else {
      at = location;
    }
    if (parsed->tls && !at.starts_with("https://")) {
      return absl::UnavailableError(StrCat("cannot fetch ", url, ": it redirects to ", at, ", which is not https"));
    }
  }
}

absl::StatusOr<std::string> Post(const std::string& url, const std::string& content_type, const std::string& body,
                                 const FetchLimits& limits) {
  const std::optional<Url> parsed = Parse(url);
  if (!parsed) return absl::InvalidArgumentError(StrCat("\"", url, "\" is no URL of http or https"));
  const Content content{content_type, body};
  absl::StatusOr<Response> response =
      AskOnce(url, *parsed, &content, limits, std::chrono::steady_clock::now() + limits.timeout);
  if (!response.ok()) return response.status();
  if (response->result_int() == 200) return std::move(response->body());
  return absl::UnavailableError(StrCat("cannot fetch ", url, ": it answers ", response->result_int()));
}

}  // namespace gloo::net
