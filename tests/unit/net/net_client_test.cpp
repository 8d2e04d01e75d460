#include "core/net/client.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/async/task_group.hpp"
#include "tests/support/live_server.hpp"
#include "tests/support/raw_socket.hpp"
#include "tests/support/run_task.hpp"

namespace easyflow::net {
namespace {

using namespace std::chrono_literals;
using boost::asio::any_io_executor;
using test::LiveServer;
using test::RawSocket;
using test::run_task;
using test::ScriptedServer;

struct Call {
  Call(HttpRequest r, bool safe, std::chrono::milliseconds limit = 10s)
      : request(std::move(r)), safe_to_repeat(safe), timeout(limit) {}
  HttpRequest request;
  bool safe_to_repeat;
  std::chrono::milliseconds timeout;
};

/// Makes the calls one after the other with one client.
Task<std::vector<FetchResult>> fetch_all(any_io_executor executor, ClientOptions options, std::vector<Call> calls) {
  HttpClient client(executor, std::move(options));
  std::vector<FetchResult> results;
  for (auto& call : calls) {
    FetchResult result = co_await client.fetch(std::move(call.request), call.timeout, call.safe_to_repeat);
    results.push_back(std::move(result));
  }
  co_return results;
}

std::vector<FetchResult> run(std::vector<Call> calls, ClientOptions options = {}) {
  return run_task([&](any_io_executor executor) { return fetch_all(executor, options, calls); });
}

FetchResult run_one(Call call, ClientOptions options = {}) { return run({std::move(call)}, std::move(options)).at(0); }

HttpRequest get(std::string url) { return HttpRequest("GET", std::move(url)); }
HttpRequest post(std::string url, std::string body) { return HttpRequest("POST", std::move(url), {}, std::move(body)); }

/// Reads one request with its body.
std::string take_request(RawSocket& socket) { return socket.read_message(); }

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(HttpClientTest, SendsTheRequestAndReadsTheAnswer) {
  std::string seen;
  ScriptedServer server([&](RawSocket& socket, int) {
    seen = take_request(socket);
    socket.send("HTTP/1.1 201 Created\r\nX-Limit: 7\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  });
  HttpRequest request("POST", server.url("/a%20b/c?d=e&f"), {{"Authorization", "t"}, {"Content-Length", "99"}}, "hi");
  auto result = run_one({request, false});
  ASSERT_TRUE(result.response) << result.error->message();
  EXPECT_EQ(result.response->status, 201);
  EXPECT_EQ(result.response->body, "abc");
  EXPECT_EQ(result.response->headers.get("x-limit"), "7");
  EXPECT_TRUE(result.may_have_arrived);
  EXPECT_EQ(seen, "POST /a%20b/c?d=e&f HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                      "\r\nUser-Agent: easyflow\r\nAuthorization: t\r\nContent-Length: 2\r\n\r\nhi");
}

TEST(HttpClientTest, ReusesAKeptConnection) {
  ScriptedServer server([](RawSocket& socket, int) {
    while (!take_request(socket).empty()) socket.send(kOk);
  });
  auto results = run({{get(server.url("/")), true}, {post(server.url("/"), "x"), false}, {get(server.url("/")), true}});
  for (const auto& result : results) EXPECT_TRUE(result.response);
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClientTest, DoesNotKeepAConnectionTheServerCloses) {
  ScriptedServer server([](RawSocket& socket, int) {
    take_request(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  });
  auto results = run({{get(server.url("/")), false}, {get(server.url("/")), false}});
  EXPECT_TRUE(results[0].response && results[1].response);
  EXPECT_EQ(server.connections(), 2);
}

Task<FetchResult> fetch_around_a_close(any_io_executor executor, ScriptedServer* server) {
  HttpClient client(executor);
  FetchResult first = co_await client.fetch(get(server->url("/")), 10s, true);
  EXPECT_TRUE(first.response);
  while (server->closed() < 1) co_await sleep_for(1ms);
  FetchResult second = co_await client.fetch(post(server->url("/"), "x"), 10s, false);
  co_return second;
}

TEST(HttpClientTest, SeesThatAKeptConnectionIsClosedBeforeUsingIt) {
  // even for a request that must not be repeated
  ScriptedServer server([](RawSocket& socket, int) {
    take_request(socket);
    socket.send(kOk);
  });
  auto fetch = [&](any_io_executor executor) { return fetch_around_a_close(executor, &server); };
  EXPECT_TRUE(run_task(fetch).response);
  EXPECT_EQ(server.connections(), 2);
}

/// Answers the first request of the first connection and ends it once it has the second; then serves well.
void answer_once_then_hang_up(RawSocket& socket, int number) {
  take_request(socket);
  socket.send(kOk);
  if (number == 0) {
    take_request(socket);
    return;
  }
  take_request(socket);
}

TEST(HttpClientTest, RepeatsASafeRequestOnceWhenAKeptConnectionDies) {
  ScriptedServer server(answer_once_then_hang_up);
  auto results = run({{get(server.url("/")), true}, {get(server.url("/")), true}});
  ASSERT_TRUE(results[1].response) << results[1].error->message();
  EXPECT_EQ(server.connections(), 2);
}

TEST(HttpClientTest, NeverRepeatsAnUnsafeRequestAfterBytesWereWritten) {
  ScriptedServer server(answer_once_then_hang_up);
  auto results = run({{get(server.url("/")), true}, {post(server.url("/"), "x"), false}});
  ASSERT_FALSE(results[1].response);
  EXPECT_EQ(results[1].error->kind(), ErrorKind::unavailable);
  EXPECT_TRUE(results[1].may_have_arrived);
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClientTest, DoesNotRepeatOnAFreshConnection) {
  ScriptedServer server([](RawSocket& socket, int) { take_request(socket); });
  auto result = run_one({get(server.url("/")), true});
  EXPECT_EQ(result.error->kind(), ErrorKind::unavailable);
  EXPECT_TRUE(result.may_have_arrived);
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClientTest, TellsATimeoutAndThatTheRequestMayHaveArrived) {
  ScriptedServer server([](RawSocket& socket, int) {
    take_request(socket);
    socket.read_to_end();
  });
  auto result = run_one({post(server.url("/bot123:SECRET/send?key=SECRET"), "x"), false, 100ms});
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind(), ErrorKind::timeout);
  EXPECT_TRUE(result.may_have_arrived);
  EXPECT_NE(result.error->message().find("127.0.0.1:" + std::to_string(server.port())), std::string::npos);
  EXPECT_EQ(result.error->message().find("SECRET"), std::string::npos);
}

TEST(HttpClientTest, TellsACutAnswer) {
  for (const auto* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nConte",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"}) {
    ScriptedServer server([&](RawSocket& socket, int) {
      take_request(socket);
      socket.send(answer);
    });
    auto result = run_one({get(server.url("/")), true});
    ASSERT_FALSE(result.response) << answer;
    EXPECT_EQ(result.error->kind(), ErrorKind::unavailable);
    EXPECT_NE(result.error->message().find("connection closed before the answer was complete"), std::string::npos);
    EXPECT_TRUE(result.may_have_arrived);
    EXPECT_EQ(server.connections(), 1);
  }
}

TEST(HttpClientTest, ReadsABodyThatEndsWithTheConnection) {
  ScriptedServer server([](RawSocket& socket, int) {
    take_request(socket);
    socket.send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
  });
  EXPECT_EQ(run_one({get(server.url("/")), true}).response->body, "until the end");
}

TEST(HttpClientTest, LimitsTheAnswersSize) {
  ClientOptions options;
  options.max_response_bytes = 10;
  for (const auto* answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n12345678901"}) {
    ScriptedServer server([&](RawSocket& socket, int) {
      take_request(socket);
      socket.send(answer);
    });
    auto result = run_one({get(server.url("/")), true}, options);
    ASSERT_FALSE(result.response) << answer;
    EXPECT_EQ(result.error->kind(), ErrorKind::protocol);
    EXPECT_NE(result.error->message().find("larger than 10 bytes"), std::string::npos);
  }
}

TEST(HttpClientTest, AnAnswerThatIsNoHttpIsAProtocolError) {
  ScriptedServer server([](RawSocket& socket, int) {
    take_request(socket);
    socket.send("220 mail.example.org ESMTP\r\n\r\n");
  });
  auto result = run_one({get(server.url("/")), true});
  EXPECT_EQ(result.error->kind(), ErrorKind::protocol);
  EXPECT_TRUE(result.may_have_arrived);
}

TEST(HttpClientTest, PassesOverInterimAnswersAndKnowsAnswersWithoutBody) {
  ScriptedServer server([](RawSocket& socket, int) {
    take_request(socket);
    socket.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    take_request(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
    take_request(socket);
    socket.send(kOk);
  });
  auto results =
      run({{get(server.url("/")), true}, {HttpRequest("HEAD", server.url("/")), true}, {get(server.url("/")), true}});
  EXPECT_EQ(results[0].response->status, 204);
  EXPECT_FALSE(results[0].response->headers.contains("Link"));
  EXPECT_EQ(results[1].response->status, 200);
  EXPECT_EQ(results[2].response->body, "ok");
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClientTest, NothingArrivesWhereNobodyListensOrTheNameIsUnknown) {
  std::uint16_t closed_port = 0;
  {
    ScriptedServer gone([](RawSocket&, int) {});
    closed_port = gone.port();
  }
  auto refused = run_one({post("http://127.0.0.1:" + std::to_string(closed_port) + "/x", "b"), false});
  EXPECT_EQ(refused.error->kind(), ErrorKind::unavailable);
  EXPECT_FALSE(refused.may_have_arrived);
  auto unknown = run_one({post("http://no-such-host.invalid/x", "b"), false});
  EXPECT_NE(unknown.error->kind(), ErrorKind::invalid_input);
  EXPECT_FALSE(unknown.may_have_arrived);
}

TEST(HttpClientTest, RefusesWhatCannotBeSentWithoutShowingIt) {
  for (const auto* url : {"", "/only/path?SECRET", "ftp://a/SECRET", "http:///SECRET", "http://user:SECRET@a/",
                          "http://a/with space SECRET", "http://a:99999999/SECRET\r\nX: 1", "not a url SECRET"}) {
    auto result = run_one({get(url), true, 1s});
    ASSERT_TRUE(result.error) << url;
    EXPECT_EQ(result.error->kind(), ErrorKind::invalid_input) << url;
    EXPECT_EQ(result.error->message().find("SECRET"), std::string::npos) << url;
    EXPECT_FALSE(result.may_have_arrived);
  }
  auto result = run_one({HttpRequest("GET", "http://127.0.0.1:9/", {{"Authorization", "SECRET\r\nX: y"}}), true});
  EXPECT_EQ(result.error->kind(), ErrorKind::invalid_input);
  EXPECT_NE(result.error->message().find("Authorization"), std::string::npos);
  EXPECT_EQ(result.error->message().find("SECRET"), std::string::npos);
}

Task<HttpResponse> count_bytes(HttpRequest request) {
  co_return HttpResponse(200, std::to_string(request.body.size()));
}

TEST(HttpClientTest, TalksToTheHubsOwnServer) {
  ServerLimits limits;
  limits.max_body_bytes = 3 * 1024 * 1024;
  LiveServer server(count_bytes, limits);
  auto url = "http://localhost:" + std::to_string(server.port()) + "/";
  auto results = run({{post(url, std::string(2 * 1024 * 1024, 'x')), false},
                      {post(url, std::string(10 * 1024 * 1024, 'x')), false},
                      {get(url), true}});
  EXPECT_EQ(results[0].response->body, std::to_string(2 * 1024 * 1024));
  ASSERT_TRUE(results[1].response) << "the early refusal is read although the body was not taken";
  EXPECT_EQ(results[1].response->status, 413);
  EXPECT_EQ(results[2].response->body, "0");
}

Task<bool> cancelled_fetch(any_io_executor executor, ScriptedServer* server) {
  HttpClient client(executor);
  TaskGroup group(executor);
  bool aborted = false;
  auto fetch = [](HttpClient& c, std::string u, bool& seen) -> Task<> {
    try {
      co_await c.fetch(get(std::move(u)), 1h, true);
    } catch (const boost::system::system_error& e) {
      seen = e.code() == boost::asio::error::operation_aborted;
      throw;
    }
  };
  group.spawn("fetch", fetch(client, server->url("/"), aborted));
  while (server->connections() < 1) co_await sleep_for(1ms);
  co_await group.close();
  co_return aborted;
}

TEST(HttpClientTest, ACancelledCallerIsCancelledNotToldATimeout) {
  ScriptedServer server([](RawSocket& socket, int) { socket.read_to_end(); });
  EXPECT_TRUE(run_task([&](any_io_executor executor) { return cancelled_fetch(executor, &server); }));
}

/// A key and a certificate for "localhost" that vouches for itself.
class Certificate {
 public:
  Certificate() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), x509_(X509_new(), X509_free) {
    X509_set_version(x509_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509_.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509_.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509_.get()), 3600);
    X509_set_pubkey(x509_.get(), key_.get());
    auto* name = X509_get_subject_name(x509_.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                               0);
    X509_set_issuer_name(x509_.get(), name);
    extend(NID_basic_constraints, "critical,CA:TRUE");
    extend(NID_subject_alt_name, "DNS:localhost");
    X509_sign(x509_.get(), key_.get(), EVP_sha256());

    auto folder = std::filesystem::path(::testing::TempDir());
    file_ = (folder / ("easyflow-ca-" + std::to_string(::getpid()) + ".pem")).string();
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(file_.c_str(), "w"), std::fclose);
    PEM_write_X509(out.get(), x509_.get());
  }
  ~Certificate() { std::filesystem::remove(file_); }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  EVP_PKEY* key() const { return key_.get(); }
  X509* x509() const { return x509_.get(); }
  const std::string& file() const { return file_; }

 private:
  void extend(int id, const char* value) {
    auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
    X509_add_ext(x509_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  std::unique_ptr<X509, void (*)(X509*)> x509_;
  std::string file_;
};

class HttpClientTlsTest : public ::testing::Test {
 protected:
  HttpClientTlsTest()
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
        server_([this](RawSocket& socket, int) { talk(socket); }) {
    SSL_CTX_use_certificate(context_.get(), certificate_.x509());
    SSL_CTX_use_PrivateKey(context_.get(), certificate_.key());
  }

  std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(server_.port()) + "/bot1:SECRET";
  }
  ClientOptions trusting() const {
    ClientOptions options;
    options.extra_ca_file = certificate_.file();
    return options;
  }

  /// Answers every request of one connection with the server name the client asked for.
  void talk(RawSocket& socket) {
    std::unique_ptr<SSL, void (*)(SSL*)> tls(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(tls.get(), socket.fd());
    if (SSL_accept(tls.get()) != 1) return;
    std::string seen;
    char bytes[4096];
    for (;;) {
      int count = SSL_read(tls.get(), bytes, sizeof bytes);
      if (count <= 0) return;
      seen.append(bytes, static_cast<std::size_t>(count));
      if (seen.find("\r\n\r\n") == std::string::npos) continue;
      seen.clear();
      requests_++;
      const char* name = SSL_get_servername(tls.get(), TLSEXT_NAMETYPE_host_name);
      std::string body = name == nullptr ? "none" : name;
      auto answer = "HTTP/1.1 200 OK\r\n" + length_field(body) + "\r\n" + body;
      SSL_write(tls.get(), answer.data(), static_cast<int>(answer.size()));
      if (cut_) return;
    }
  }
  std::string length_field(const std::string& body) const {
    return cut_ ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }

  Certificate certificate_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::atomic<int> requests_{0};
  std::atomic<bool> cut_{false};
  ScriptedServer server_;
};

TEST_F(HttpClientTlsTest, TalksToATrustedServerAndKeepsTheConnection) {
  auto results = run({{get(url("localhost")), true}, {get(url("localhost")), true}}, trusting());
  ASSERT_TRUE(results[0].response) << results[0].error->message();
  EXPECT_EQ(results[0].response->body, "localhost");
  EXPECT_TRUE(results[1].response);
  EXPECT_EQ(server_.connections(), 1);
}

TEST_F(HttpClientTlsTest, RefusesAServerNobodyVouchesFor) {
  auto result = run_one({get(url("localhost")), true});
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind(), ErrorKind::unavailable);
  EXPECT_NE(result.error->message().find("not trusted"), std::string::npos) << result.error->message();
  EXPECT_EQ(result.error->message().find("SECRET"), std::string::npos);
  EXPECT_FALSE(result.may_have_arrived);
  EXPECT_EQ(requests_, 0);
}

TEST_F(HttpClientTlsTest, RefusesACertificateForAnotherHost) {
  auto result = run_one({get(url("127.0.0.1")), true}, trusting());
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind(), ErrorKind::unavailable);
  EXPECT_FALSE(result.may_have_arrived);
  EXPECT_EQ(requests_, 0);
}

TEST_F(HttpClientTlsTest, ABodyCutWithoutTheTlsGoodbyeIsNotComplete) {
  cut_ = true;
  auto result = run_one({get(url("localhost")), true}, trusting());
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind(), ErrorKind::unavailable);
  EXPECT_TRUE(result.may_have_arrived);
}

TEST(HttpClientTest, AServerThatSpeaksNoTlsIsUnavailable) {
  ScriptedServer server([](RawSocket& socket, int) { socket.send("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  auto result = run_one({get("https://localhost:" + std::to_string(server.port()) + "/"), true});
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind(), ErrorKind::unavailable);
  EXPECT_FALSE(result.may_have_arrived);
}

}  // namespace
}  // namespace easyflow::net
