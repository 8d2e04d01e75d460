#include "core/net/server.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "core/async/task_group.hpp"
#include "core/base/metrics.hpp"
#include "tests/support/live_server.hpp"
#include "tests/support/raw_socket.hpp"
#include "tests/support/run_task.hpp"

namespace easyflow::net {
namespace {

using namespace std::chrono_literals;
using test::LiveServer;
using test::RawSocket;

/// Answers with what it was given: "METHOD target [body] id".
Task<HttpResponse> echo(HttpRequest request) {
  auto text = request.method + " " + request.target + " [" + request.body + "]";
  HttpResponse response(200, std::move(text), {{"Content-Type", "text/plain"}});
  response.headers.add("X-Seen-Id", std::string(request.headers.get("X-Request-Id")));
  co_return response;
}

std::string body_of(const std::string& message) {
  auto end = message.find("\r\n\r\n");
  return end == std::string::npos ? "" : message.substr(end + 4);
}

std::string field_of(const std::string& message, const std::string& name) {
  auto start = message.find("\r\n" + name + ": ");
  if (start == std::string::npos) return "";
  start += name.size() + 4;
  return message.substr(start, message.find("\r\n", start) - start);
}

/// The problem in `message`, after checking that it is a refusal with `status`.
nlohmann::json problem_in(const std::string& message, int status) {
  EXPECT_EQ(message.rfind("HTTP/1.1 " + std::to_string(status) + " ", 0), 0U) << message;
  EXPECT_EQ(field_of(message, "Content-Type"), "application/problem+json") << message;
  EXPECT_FALSE(field_of(message, "X-Request-Id").empty()) << message;
  auto parsed = nlohmann::json::parse(body_of(message), nullptr, /*allow_exceptions=*/false);
  EXPECT_TRUE(parsed.is_object()) << message;
  if (!parsed.is_object()) return nlohmann::json::object();
  EXPECT_EQ(parsed.value("status", 0), status);
  for (const auto* key : {"type", "title", "detail"}) EXPECT_FALSE(parsed.value(key, "").empty()) << key;
  return parsed;
}

/// What a server with `limits` says to `bytes` until it closes.
std::string conversation(const std::string& bytes, ServerLimits limits = {}) {
  LiveServer server(echo, limits);
  auto client = RawSocket::connected_to(server.port());
  client.send(bytes);
  return client.read_to_end();
}

TEST(HttpServerTest, AnswersManyRequestsOnOneConnection) {
  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  for (int i = 0; i < 50; ++i) {
    auto n = std::to_string(i);
    client.send("POST /n/" + n + "?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    auto answer = client.read_message();
    ASSERT_EQ(body_of(answer), "POST /n/" + n + "?q=1 [abc]");
    ASSERT_EQ(field_of(answer, "Connection"), "");
  }
  EXPECT_EQ(server.open_connections(), 1U);
}

TEST(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  std::string requests;
  for (int i = 0; i < 20; ++i)
    requests += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
  client.send(requests);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(body_of(client.read_message()), "POST /" + std::to_string(i) + " [x]");
}

TEST(HttpServerTest, TakesARequestByteByByte) {
  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  for (char c : std::string("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"))
    client.send(std::string_view(&c, 1));
  EXPECT_EQ(body_of(client.read_message()), "POST /slow [body]");
}

TEST(HttpServerTest, TakesChunkedBodies) {
  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwiki\r\n");
  client.send("5\r\npedia\r\n0\r\nX-Trailer: 1\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_message()), "POST / [wikipedia]");
  EXPECT_EQ(body_of(client.read_message()), "GET /next []");
}

TEST(HttpServerTest, RefusesABodyOverTheLimitBeforeReadingIt) {
  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n");
  // not a byte of the body is sent
  auto problem = problem_in(client.read_message(), 413);
  EXPECT_NE(problem["detail"].get<std::string>().find("1048576 bytes"), std::string::npos) << problem;
}

TEST(HttpServerTest, AClientThatSendsTenMegabytesAllTheSameStillReadsTheRefusal) {
  auto answer =
      conversation("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n" + std::string(10485760, 'x'));
  problem_in(answer, 413);
  EXPECT_EQ(field_of(answer, "Connection"), "close");
}

TEST(HttpServerTest, RefusesAChunkedBodyOverTheLimit) {
  ServerLimits limits;
  limits.max_body_bytes = 10;
  problem_in(conversation("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n",
                          limits),
             413);
}

TEST(HttpServerTest, RefusesHeadersOverTheLimit) {
  ServerLimits limits;
  limits.max_header_bytes = 1000;
  auto problem =
      problem_in(conversation("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(2000, 'x') + "\r\n\r\n", limits), 431);
  EXPECT_NE(problem["detail"].get<std::string>().find("1000 bytes"), std::string::npos) << problem;
}

TEST(HttpServerTest, HeaderFieldsThatArriveOneByOneDoNotEscapeTheLimit) {
  ServerLimits limits;
  limits.max_header_bytes = 1000;
  LiveServer server(echo, limits);
  auto client = RawSocket::connected_to(server.port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n");
  for (int i = 0; i < 200; ++i) client.send("X-Field: 0123456789\r\n");
  problem_in(client.read_to_end(), 431);
}

TEST(HttpServerTest, RefusesSlowHeadersAndSlowBodies) {
  ServerLimits limits;
  limits.header_timeout = 1s;
  limits.body_timeout = 1s;
  LiveServer server(echo, limits);
  auto slow_header = RawSocket::connected_to(server.port());
  auto slow_body = RawSocket::connected_to(server.port());
  slow_header.send("GET / HTTP/1.1\r\nHost:");
  slow_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
  EXPECT_NE(problem_in(slow_header.read_message(), 408)["detail"].get<std::string>().find("header"), std::string::npos);
  EXPECT_NE(problem_in(slow_body.read_message(), 408)["detail"].get<std::string>().find("body"), std::string::npos);
}

TEST(HttpServerTest, ClosesAnIdleConnectionWithoutAWord) {
  ServerLimits limits;
  limits.idle_timeout = 1s;
  LiveServer server(echo, limits);
  auto silent = RawSocket::connected_to(server.port());
  auto kept = RawSocket::connected_to(server.port());
  kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  kept.read_message();
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(kept.read_to_end(), "");
}

TEST(HttpServerTest, RefusesWhatIsNoHttp) {
  for (const auto* bytes :
       {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 some TLS hello\r\n\r\n", "hello\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nBad Name: 1\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"})
    problem_in(conversation(bytes), 400);
}

TEST(HttpServerTest, RefusesUnknownVersionsCodingsAndExpectations) {
  problem_in(conversation("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
  problem_in(conversation("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), 501);
  problem_in(conversation("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"), 501);
  problem_in(conversation("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\n"), 417);
}

TEST(HttpServerTest, PassesOnMethodsItDoesNotKnowAndPathsInAbsoluteForm) {
  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  client.send("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_message()), "BREW /pot []");
  client.send("GET http://a:80/x?y=http://z HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_message()), "GET /x?y=http://z []");
  client.send("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_message()), "GET / []");
  client.send("GET /x?y=http://z HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_message()), "GET /x?y=http://z []");
}

TEST(HttpServerTest, KeepsAnHttp10ConnectionOnlyWhenAsked) {
  auto closed = conversation("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(closed), "GET / []");
  EXPECT_EQ(field_of(closed, "Connection"), "close");

  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  for (int i = 0; i < 2; ++i) {
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(field_of(client.read_message(), "Connection"), "keep-alive");
  }
}

TEST(HttpServerTest, ClosesWhenAskedTo) {
  auto answer =
      conversation("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(answer), "GET / []");
  EXPECT_EQ(field_of(answer, "Connection"), "close");
}

TEST(HttpServerTest, AnswersHeadWithoutABody) {
  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  client.send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(field_of(client.read_head(), "Content-Length"), std::to_string(std::string("HEAD /h []").size()));
  client.send("GET /g HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_message()), "GET /g []");
}

TEST(HttpServerTest, AsksForABodyThatIsExpected) {
  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_EQ(body_of(client.read_message()), "POST / [ok]");
}

TEST(HttpServerTest, KeepsAWellFormedRequestIdAndReplacesAnyOther) {
  LiveServer server(echo);
  auto client = RawSocket::connected_to(server.port());
  auto ids = [&](const std::string& field) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n");
    auto answer = client.read_message();
    return std::pair(field_of(answer, "X-Request-Id"), field_of(answer, "X-Seen-Id"));
  };
  EXPECT_EQ(ids("x-request-id: abc.DEF_1-2\r\n"), std::pair(std::string("abc.DEF_1-2"), std::string("abc.DEF_1-2")));
  std::set<std::string> made;
  for (const auto& field : {std::string(), std::string("X-Request-Id: a b\r\n"), std::string("X-Request-Id: <x>\r\n"),
                            "X-Request-Id: " + std::string(65, 'a') + "\r\n", std::string("X-Request-Id:\r\n")}) {
    auto [answered, seen] = ids(field);
    EXPECT_EQ(answered, seen);
    EXPECT_FALSE(answered.empty());
    made.insert(answered);
  }
  EXPECT_EQ(made.size(), 5U);
}

Task<HttpResponse> fail(HttpRequest) {
  throw std::runtime_error("secret detail");
  co_return HttpResponse(200);
}

TEST(HttpServerTest, AHandlersExceptionIsABare500AndOneLogLine) {
  ::testing::internal::CaptureStderr();
  std::string first;
  std::string second;
  {
    LiveServer server(fail);
    auto client = RawSocket::connected_to(server.port());
    client.send("GET /secret/path HTTP/1.1\r\nHost: a\r\nX-Request-Id: id-1\r\n\r\n");
    first = client.read_message();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: id-2\r\n\r\n");
    second = client.read_message();
  }
  auto text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(problem_in(first, 500)["detail"].get<std::string>().find("id-1"), std::string::npos);
  EXPECT_EQ(first.find("secret detail"), std::string::npos);
  problem_in(second, 500);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_NE(text.find("http.handler_failed request_id=id-1"), std::string::npos) << text;
  EXPECT_EQ(text.find("/secret/path"), std::string::npos) << text;
}

Task<HttpResponse> split_the_response(HttpRequest) {
  HttpResponse response(200, "ok");
  response.headers.add("Location", "/a\r\nSet-Cookie: stolen=1");
  co_return response;
}

TEST(HttpServerTest, AHeaderValueCannotAddFields) {
  LiveServer server(split_the_response);
  auto client = RawSocket::connected_to(server.port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto answer = client.read_message();
  problem_in(answer, 500);
  EXPECT_EQ(answer.find("Set-Cookie"), std::string::npos);
}

Task<HttpResponse> without_content(HttpRequest) { co_return HttpResponse(204); }

TEST(HttpServerTest, AnAnswerWithoutContentHasNoLength) {
  LiveServer server(without_content);
  auto client = RawSocket::connected_to(server.port());
  client.send("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto head = client.read_head();
  EXPECT_EQ(head.rfind("HTTP/1.1 204 No Content\r\n", 0), 0U);
  EXPECT_EQ(head.find("Content-Length"), std::string::npos);
}

/// Holds requests until released, on the server's own thread.
struct Gate {
  explicit Gate(boost::asio::any_io_executor executor) : opened(executor) {}
  Signal opened;
  std::promise<void> entered;
};

Task<HttpResponse> wait_at(Gate* gate) {
  gate->entered.set_value();
  co_await gate->opened.wait(1h);
  co_return HttpResponse(200, "finished");
}

class HttpServerStopTest : public ::testing::Test {
 protected:
  HttpServerStopTest()
      : server_([this](HttpRequest) { return wait_at(gate_.get()); }),
        gate_(std::make_unique<Gate>(server_.executor())),
        client_(RawSocket::connected_to(server_.port())) {}

  void send_request() {
    client_.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_EQ(gate_->entered.get_future().wait_for(10s), std::future_status::ready);
  }

  LiveServer server_;
  std::unique_ptr<Gate> gate_;
  RawSocket client_;
};

TEST_F(HttpServerStopTest, LetsARequestInFlightFinish) {
  auto idle = RawSocket::connected_to(server_.port());
  send_request();
  auto stopped = server_.stop(10s);
  EXPECT_EQ(idle.read_to_end(), "") << "an idle connection is closed at once";
  EXPECT_THROW(RawSocket::connected_to(server_.port()), std::runtime_error) << "the port is closed at once";
  boost::asio::post(server_.executor(), [this] { gate_->opened.notify(); });
  auto answer = client_.read_to_end();
  EXPECT_EQ(body_of(answer), "finished");
  EXPECT_EQ(field_of(answer, "Connection"), "close");
  EXPECT_EQ(stopped.wait_for(10s), std::future_status::ready);
}

TEST_F(HttpServerStopTest, ClosesWhatIsLeftAfterTheGrace) {
  send_request();
  auto stopped = server_.stop(1ms);
  EXPECT_EQ(client_.read_to_end(), "");
  EXPECT_EQ(stopped.wait_for(10s), std::future_status::ready);
}

TEST(HttpServerTest, TurnsAwayConnectionsOverTheLimit) {
  ServerLimits limits;
  limits.max_connections = 2;
  LiveServer server(echo, limits);
  auto talk = [](RawSocket& client) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return client.read_message();
  };
  auto first = RawSocket::connected_to(server.port());
  auto second = RawSocket::connected_to(server.port());
  EXPECT_EQ(body_of(talk(first)), "GET / []");
  EXPECT_EQ(body_of(talk(second)), "GET / []");
  auto third = RawSocket::connected_to(server.port());
  auto refusal = talk(third);
  EXPECT_NE(problem_in(refusal, 503)["detail"].get<std::string>().find("2 connections"), std::string::npos);
  EXPECT_EQ(field_of(refusal, "Retry-After"), "1");

  // a place that becomes free is given away again
  first.close();
  third.close();
  auto deadline = std::chrono::steady_clock::now() + 10s;
  while (server.open_connections() > 1 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  auto fourth = RawSocket::connected_to(server.port());
  EXPECT_EQ(body_of(talk(fourth)), "GET / []");
}

/// Takes away the process's file descriptors above those in use.
class NoMoreDescriptors {
 public:
  explicit NoMoreDescriptors(int highest) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit tight = before_;
    tight.rlim_cur = static_cast<rlim_t>(highest) + 1;
    ::setrlimit(RLIMIT_NOFILE, &tight);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_{};
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EASYFLOW_UNDER_ASAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define EASYFLOW_UNDER_ASAN
#endif

TEST(HttpServerTest, GoesOnAcceptingAfterRunningOutOfFileDescriptors) {
#if defined(EASYFLOW_UNDER_ASAN)
  GTEST_SKIP() << "the sanitizers probe memory through a pipe and raise false alarms without a descriptor for it";
#endif
  LiveServer server(echo);
  RawSocket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = RawSocket::loopback(server.port());
  auto& failures = metrics::counter("easyflow_net_accept_failures_total", "");
  auto before = failures.value();
  {
    NoMoreDescriptors none(client.fd());
    ASSERT_EQ(::connect(client.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    auto deadline = std::chrono::steady_clock::now() + 10s;
    while (failures.value() == before && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_GT(failures.value(), before);
  }
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_message()), "GET / []");
}

TEST(HttpServerTest, AnAddressThatCannotBeBoundIsExplained) {
  LiveServer taken(echo);
  boost::asio::io_context io(1);
  auto message = [&](std::string address, std::uint16_t port) -> std::string {
    try {
      HttpServer server(io.get_executor(), std::move(address), port, {}, echo);
      return "bound";
    } catch (const std::runtime_error& e) {
      return e.what();
    }
  };
  auto in_use = message("127.0.0.1", taken.port());
  EXPECT_NE(in_use.find("127.0.0.1:" + std::to_string(taken.port())), std::string::npos) << in_use;
  EXPECT_NE(in_use.find("another port"), std::string::npos) << in_use;
  EXPECT_NE(message("example.org", 0).find("not an IP address"), std::string::npos);
  EXPECT_NE(message("192.0.2.1", 0).find("no such address"), std::string::npos);
  EXPECT_EQ(message("localhost", 0), "bound");
}

TEST(HttpServerTest, AClientThatGoesAwayHarmsNobody) {
  LiveServer server(echo);
  for (int i = 0; i < 20; ++i) {
    auto client = RawSocket::connected_to(server.port());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
    client.reset();
  }
  auto client = RawSocket::connected_to(server.port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_message()), "GET / []");
}

}  // namespace
}  // namespace easyflow::net
