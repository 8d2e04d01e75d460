// docs/openapi.yaml lists the routes of the hub, all of them and no others.
#include <cctype>
#include <fstream>
#include <set>

#include "tests/integration/api/hub_fixture.hpp"

namespace easyflow::test {
namespace {

/// "GET /path" for every operation: paths stand two spaces deep and their methods four.
std::set<std::string> documented() {
  std::ifstream file(EASYFLOW_OPENAPI);
  std::set<std::string> all;
  std::string line;
  std::string path;
  bool in_paths = false;
  while (std::getline(file, line)) {
    if (!line.empty() && line[0] != ' ') in_paths = line == "paths:";
    if (!in_paths) continue;
    if (line.rfind("  /", 0) == 0) path = line.substr(2, line.size() - 3);
    for (std::string method : {"get", "put", "post", "patch", "delete"}) {
      if (line != "    " + method + ":") continue;
      for (char& c : method) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      all.insert(method + " " + path);
    }
  }
  return all;
}

using OpenApiTest = ApiTest;

TEST_F(OpenApiTest, TheFileListsExactlyTheRoutes) {
  std::set<std::string> served;
  for (const auto& route : hub().router.routes()) {
    bool page =
        route.pattern == "/" || route.pattern.rfind("/log", 0) == 0 || route.pattern.rfind("/conversations", 0) == 0;
    if (!page) served.insert(route.method + " " + route.pattern);
  }
  EXPECT_EQ(served, documented());
}

TEST_F(OpenApiTest, TheHubServesTheFile) {
  std::ifstream file(EASYFLOW_OPENAPI);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto reply = hub().ask("GET", "/api/v1/openapi.yaml");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, text);
}

}  // namespace
}  // namespace easyflow::test
