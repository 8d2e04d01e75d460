#include "crypto/tokens.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

namespace easyflow::crypto {
namespace {

bool is_url_safe(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
}

TEST(Tokens, InitializesFromManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([] { initialize(); });
  for (auto& thread : threads) thread.join();
}

TEST(Tokens, AreUrlSafeAndUnique) {
  initialize();
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    std::string token = random_token(32);
    EXPECT_EQ(token.size(), 43u);
    EXPECT_TRUE(is_url_safe(token)) << token;
    seen.insert(token);
  }
  EXPECT_EQ(seen.size(), 2000u);
  EXPECT_EQ(random_token(0), "");
  EXPECT_EQ(random_token(1).size(), 2u);
}

TEST(Tokens, HexHasTwoDigitsAByte) {
  std::string hex = random_hex(8);
  EXPECT_EQ(hex.size(), 16u);
  EXPECT_EQ(hex.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(hex, random_hex(8));
}

TEST(Tokens, ApiTokenIsFoundByItsHash) {
  Secret token = new_api_token();
  EXPECT_EQ(token.reveal().size(), 46u);
  EXPECT_TRUE(token.reveal().starts_with("ef_"));
  EXPECT_TRUE(is_url_safe(token.reveal()));
  EXPECT_EQ(hash_token(token.reveal()), hash_token(token.reveal()));
  EXPECT_NE(hash_token(token.reveal()), hash_token(new_api_token().reveal()));
  EXPECT_EQ(hash_token("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Passwords, VerifyOnlyThemselves) {
  Secret password("correct horse battery staple");
  std::string phc = hash_password(password);
  EXPECT_TRUE(phc.starts_with("$argon2id$")) << phc;
  EXPECT_EQ(phc.find("horse"), std::string::npos);
  EXPECT_TRUE(verify_password(phc, password));
  EXPECT_FALSE(verify_password(phc, Secret("correct horse battery stapl")));
  EXPECT_FALSE(verify_password(phc, Secret()));
}

TEST(Passwords, TheSamePasswordHashesDifferently) {
  EXPECT_NE(hash_password(Secret("same")), hash_password(Secret("same")));
}

TEST(Passwords, ATextThatIsNoHashVerifiesNothing) {
  std::string cut = hash_password(Secret("x"));
  cut.resize(cut.size() / 2);
  for (const std::string& phc : {std::string(), std::string("x"), std::string("$argon2id$"), cut,
                                 std::string("$2b$12$abcdefghijklmnopqrstuv"), std::string(500, '$')}) {
    EXPECT_FALSE(verify_password(phc, Secret("x"))) << phc;
  }
}

}  // namespace
}  // namespace easyflow::crypto
