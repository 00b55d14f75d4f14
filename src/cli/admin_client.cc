#include "cli/admin_client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace gloo::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Response = http::response<http::string_body>;

// Snapshots of a large configuration are large.
constexpr uint64_t kMaxBody = uint64_t{2} << 30;

asio::awaitable<Response> Fetch(std::string host, std::string port, std::string target,
                                std::chrono::milliseconds timeout) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto endpoints = co_await resolver.async_resolve(host, port, asio::use_awaitable);
  beast::tcp_stream stream(executor);
  stream.expires_after(timeout);
  co_await stream.async_connect(endpoints, asio::use_awaitable);
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, StrCat(host, ":", port));
  request.set(http::field::user_agent, "glooctl");
  request.keep_alive(false);
  stream.expires_after(timeout);
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxBody);
  co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
  co_return parser.release();
}

}  // namespace

AdminClient::AdminClient(std::string address, std::chrono::milliseconds timeout)
    : address_(std::move(address)), timeout_(timeout) {
  constexpr std::string_view kScheme = "http://";
  if (address_.rfind(kScheme, 0) == 0) address_.erase(0, kScheme.size());
  while (!address_.empty() && address_.back() == '/') address_.pop_back();
  const size_t colon = address_.rfind(':');
  const size_t bracket = address_.rfind(']');
  const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  host_ = address_.substr(0, has_port ? colon : std::string::npos);
  port_ = has_port ? address_.substr(colon + 1) : "9091";
  if (host_.size() > 1 && host_.front() == '[' && host_.back() == ']') host_ = host_.substr(1, host_.size() - 2);
}

absl::StatusOr<std::string> AdminClient::Get(const std::string& target) const {
  Response response;
  try {
    asio::io_context io;
    std::exception_ptr failure;
    asio::co_spawn(io, Fetch(host_, port_, target, timeout_), [&](std::exception_ptr error, Response got) {
      failure = error;
      response = std::move(got);
    });
    io.run();
    if (failure) std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    const std::string why =
        error.code() == beast::error::timeout ? "it takes too long to answer" : error.code().message();
    return absl::UnavailableError(StrCat("no control plane answers at ", address_, ": ", absl::AsciiStrToLower(why)));
  } catch (const std::exception& error) {
    return absl::InternalError(StrCat("asking ", address_, ": ", error.what()));
  }
  std::string body = std::move(response.body());
  if (response.result() == http::status::ok) return body;
  while (!body.empty() && absl::ascii_isspace(body.back())) body.pop_back();
  if (response.result() == http::status::not_found) return absl::NotFoundError(body);
  return absl::InternalError(StrCat(address_, " answers ", response.result_int(), " to ", target, ": ", body));
}

std::string QueryEscape(const std::string& text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      const auto u = static_cast<unsigned char>(c);
      out += {'%', kHex[u >> 4], kHex[u & 15]};
    }
  }
  return out;
}

}  // namespace gloo::cli
