#include "crypto/signatures.hpp"

#include <gtest/gtest.h>

namespace easyflow::crypto {
namespace {

TEST(Signatures, MatchesRfc4231) {
  // test cases 2 and 6 of RFC 4231: a short key, and one longer than a block
  EXPECT_EQ(hmac_sha256_hex(Secret("Jefe"), "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256_hex(Secret(std::string(131, '\xaa')), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Signatures, VerifiesTheExactBytesOnly) {
  Secret key("shared");
  std::string body("{\"a\":1}\0tail", 12);
  std::string signature = hmac_sha256_hex(key, body);
  EXPECT_TRUE(verify_hmac_sha256_hex(key, body, signature));
  EXPECT_FALSE(verify_hmac_sha256_hex(key, body + " ", signature));
  EXPECT_FALSE(verify_hmac_sha256_hex(Secret("sharee"), body, signature));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    std::string wrong = signature;
    wrong[i] = wrong[i] == '0' ? '1' : '0';
    EXPECT_FALSE(verify_hmac_sha256_hex(key, body, wrong));
  }
}

TEST(Signatures, TakesUpperCaseAndRefusesEverythingThatIsNoSignature) {
  Secret key("shared");
  std::string signature = hmac_sha256_hex(key, "x");
  std::string upper = signature;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_TRUE(verify_hmac_sha256_hex(key, "x", upper));
  for (const std::string& wrong : {std::string(), signature.substr(1), signature + "0", std::string(64, 'g'),
                                   std::string(64, ' '), "sha256=" + signature}) {
    EXPECT_FALSE(verify_hmac_sha256_hex(key, "x", wrong)) << wrong;
  }
}

TEST(Signatures, AnEmptyKeyVerifiesNothing) {
  EXPECT_FALSE(verify_hmac_sha256_hex(Secret(), "x", hmac_sha256_hex(Secret(), "x")));
}

}  // namespace
}  // namespace easyflow::crypto
