#include "crypto/vault.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "crypto/secure_key.hpp"
#include "crypto/tokens.hpp"
#include "tests/unit/crypto/temporary_folder.hpp"

namespace easyflow::crypto {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kLineA = "mk_00112233445566aa QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
constexpr const char* kLineB = "mk_00112233445566bb QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";
constexpr const char* kOtherLineA = "mk_00112233445566aa QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

MasterKeys keys_of(const std::string& text) {
  auto keys = MasterKeys::parse(Secret(text));
  if (!keys) throw ErrorException(keys.error());
  return *std::move(keys);
}

class VaultTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stored_ = vault_.make_tenant_key("tenant-1");
    ASSERT_TRUE(vault_.adopt(stored_, true));
  }

  Vault vault_{keys_of(kLineA)};
  WrappedKey stored_;
  SealContext context_{"tenant-1", "integration-1", "credentials"};
};

TEST_F(VaultTest, OpensWhatItSealed) {
  for (std::size_t size : {0u, 1u, 15u, 16u, 1500u, 1'000'000u}) {
    std::string plain(size, 'p');
    auto sealed = vault_.seal(context_, plain);
    ASSERT_TRUE(sealed);
    auto opened = vault_.open(context_, *sealed);
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(opened->reveal(), plain);
  }
}

TEST_F(VaultTest, SealedBytesHoldNoPlainTextAndAreNeverTheSame) {
  auto one = vault_.seal(context_, "123456:AAtelegram-bot-token");
  auto two = vault_.seal(context_, "123456:AAtelegram-bot-token");
  ASSERT_TRUE(one && two);
  EXPECT_NE(*one, *two);
  EXPECT_THAT(*one, Not(HasSubstr("telegram")));
  EXPECT_THAT(*one, Not(HasSubstr("tenant-1")));
}

TEST_F(VaultTest, BeginsWithVersionAndKeyId) {
  auto sealed = vault_.seal(context_, "x");
  ASSERT_TRUE(sealed);
  EXPECT_EQ((*sealed)[0], 1);
  EXPECT_EQ((*sealed)[1], 19);
  EXPECT_EQ(sealed->substr(2, 19), stored_.id);
  EXPECT_EQ(sealed->size(), 2u + 19u + 24u + 1u + 16u);
  EXPECT_EQ(Vault::key_id_of(*sealed), stored_.id);
  EXPECT_EQ(Vault::key_id_of(*sealed), vault_.current_key_id("tenant-1"));
}

TEST_F(VaultTest, OneFlippedBitAnywhereDoesNotOpen) {
  auto sealed = vault_.seal(context_, "secret");
  ASSERT_TRUE(sealed);
  for (std::size_t bit = 0; bit < sealed->size() * 8; ++bit) {
    std::string changed = *sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    auto opened = vault_.open(context_, changed);
    ASSERT_FALSE(opened) << "bit " << bit;
    EXPECT_EQ(opened.error().kind(), ErrorKind::unauthorized);
  }
}

TEST_F(VaultTest, CutOrLengthenedBytesDoNotOpen) {
  auto sealed = vault_.seal(context_, "secret");
  ASSERT_TRUE(sealed);
  for (std::size_t size = 0; size < sealed->size(); ++size) {
    EXPECT_FALSE(vault_.open(context_, sealed->substr(0, size))) << size;
  }
  EXPECT_FALSE(vault_.open(context_, *sealed + '\0'));
}

TEST_F(VaultTest, OpensUnderItsOwnContextOnly) {
  auto other_tenant = vault_.make_tenant_key("tenant-2");
  ASSERT_TRUE(vault_.adopt(other_tenant, true));
  auto sealed = vault_.seal(context_, "secret");
  ASSERT_TRUE(sealed);
  const std::vector<SealContext> wrong = {
      {"tenant-2", "integration-1", "credentials"}, {"tenant-3", "integration-1", "credentials"},
      {"tenant-1", "integration-2", "credentials"}, {"tenant-1", "integration-1", "inbound.body"},
      {"tenant-1", "integration-1c", "redentials"}, {"tenant-1", "", "integration-1credentials"},
      {"tenant-1", "credentials", "integration-1"}, {"", "integration-1", "credentials"},
  };
  std::string message;
  for (const SealContext& context : wrong) {
    auto opened = vault_.open(context, *sealed);
    ASSERT_FALSE(opened) << context.tenant_id << context.owner_id << context.field;
    EXPECT_EQ(opened.error().kind(), ErrorKind::unauthorized);
    if (message.empty()) message = opened.error().message();
    EXPECT_EQ(opened.error().message(), message) << "an error must not tell what did not fit";
  }
  std::string changed = *sealed;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  EXPECT_EQ(vault_.open(context_, changed).error().message(), message);
}

TEST_F(VaultTest, AnotherKeyOfTheSameTenantDoesNotOpenIt) {
  auto sealed = vault_.seal(context_, "secret");
  WrappedKey second = vault_.make_tenant_key("tenant-1");
  ASSERT_TRUE(sealed && vault_.adopt(second, true));
  std::string renamed = *sealed;
  renamed.replace(2, second.id.size(), second.id);
  EXPECT_FALSE(vault_.open(context_, renamed));
}

TEST_F(VaultTest, JunkIsNotOpened) {
  for (const std::string& junk :
       {std::string(), std::string(1, '\1'), std::string("\1\xff", 2), std::string(200, '\0'), std::string(200, '\1'),
        std::string("\1\0", 2) + std::string(100, 'x'), std::string("{\"bot_token\":\"plain\"}")}) {
    EXPECT_FALSE(vault_.open(context_, junk));
  }
  EXPECT_EQ(Vault::key_id_of(""), "");
  EXPECT_EQ(Vault::key_id_of("plain text that was never sealed, long enough to hold a nonce and a tag"), "");
}

TEST_F(VaultTest, ATenantWithoutKeyCannotSeal) {
  EXPECT_TRUE(vault_.knows_tenant("tenant-1"));
  EXPECT_FALSE(vault_.knows_tenant("tenant-9"));
  EXPECT_EQ(vault_.current_key_id("tenant-9"), "");
  auto sealed = vault_.seal(SealContext("tenant-9", "o", "f"), "x");
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().kind(), ErrorKind::not_found);
}

TEST_F(VaultTest, AKeyMadeIsUnknownUntilAdopted) {
  WrappedKey made = vault_.make_tenant_key("tenant-2");
  EXPECT_TRUE(made.id.starts_with("dk_"));
  EXPECT_EQ(made.master_key_id, "mk_00112233445566aa");
  EXPECT_FALSE(vault_.knows_tenant("tenant-2"));
  ASSERT_TRUE(vault_.adopt(made, false));
  EXPECT_FALSE(vault_.knows_tenant("tenant-2")) << "adopted only to read with it";
  ASSERT_TRUE(vault_.adopt(made, true));
  EXPECT_EQ(vault_.current_key_id("tenant-2"), made.id);
}

TEST_F(VaultTest, AMissingMasterKeyIsNamed) {
  Vault other(keys_of(kLineB));
  auto adopted = other.adopt(stored_, true);
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().kind(), ErrorKind::unauthorized);
  EXPECT_THAT(adopted.error().message(), HasSubstr("mk_00112233445566aa is missing"));
  EXPECT_EQ(other.rewrap(stored_).error().kind(), ErrorKind::unauthorized);
}

TEST_F(VaultTest, AnotherMasterKeyUnderTheSameIdIsRefused) {
  Vault other(keys_of(kOtherLineA));
  auto adopted = other.adopt(stored_, true);
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().kind(), ErrorKind::unauthorized);
  EXPECT_THAT(adopted.error().message(), HasSubstr("mk_00112233445566aa does not fit"));
  EXPECT_FALSE(other.knows_tenant("tenant-1"));
}

TEST_F(VaultTest, AChangedStoredKeyIsRefused) {
  Vault other(keys_of(kLineA));
  auto moved = stored_;
  moved.tenant_id = "tenant-2";
  EXPECT_FALSE(other.adopt(moved, true));
  auto renamed = stored_;
  renamed.id.back() = renamed.id.back() == '0' ? '1' : '0';
  EXPECT_FALSE(other.adopt(renamed, true));
  for (std::size_t bit = 0; bit < stored_.wrapped.size() * 8; ++bit) {
    auto changed = stored_;
    changed.wrapped[bit / 8] = static_cast<char>(changed.wrapped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(other.adopt(changed, true)) << "bit " << bit;
  }
  auto cut = stored_;
  cut.wrapped.pop_back();
  EXPECT_FALSE(other.adopt(cut, true));
  auto nameless = stored_;
  nameless.id.clear();
  EXPECT_FALSE(other.adopt(nameless, true));
  EXPECT_TRUE(other.adopt(stored_, true)) << "the unchanged one still does";
}

TEST_F(VaultTest, AfterRotationOldAndNewOpen) {
  auto before = vault_.seal(context_, "old secret");
  WrappedKey fresh = vault_.make_tenant_key("tenant-1");
  ASSERT_TRUE(before && vault_.adopt(fresh, true));
  EXPECT_EQ(vault_.current_key_id("tenant-1"), fresh.id);
  auto after = vault_.seal(context_, "new secret");
  ASSERT_TRUE(after);
  EXPECT_EQ(Vault::key_id_of(*after), fresh.id);
  EXPECT_EQ(vault_.open(context_, *before)->reveal(), "old secret");
  EXPECT_EQ(vault_.open(context_, *after)->reveal(), "new secret");

  Vault restarted(keys_of(kLineA));
  ASSERT_TRUE(restarted.adopt(stored_, false));
  ASSERT_TRUE(restarted.adopt(fresh, true));
  EXPECT_EQ(restarted.open(context_, *before)->reveal(), "old secret");
  EXPECT_EQ(restarted.open(context_, *after)->reveal(), "new secret");
}

TEST(VaultRotation, RewrapMovesADataKeyUnderTheNewMasterKey) {
  TemporaryFolder folder;
  std::string path = folder.file("master.key");
  auto keys = MasterKeys::load_file(path, true);
  ASSERT_TRUE(keys);
  Vault vault(*std::move(keys));
  WrappedKey stored = vault.make_tenant_key("t");
  ASSERT_TRUE(vault.adopt(stored, true));
  SealContext context("t", "o", "f");
  auto sealed = vault.seal(context, "secret");
  auto fresh_id = vault.master_keys().add_key();
  ASSERT_TRUE(sealed && fresh_id);

  auto moved = vault.rewrap(stored);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->id, stored.id);
  EXPECT_EQ(moved->master_key_id, *fresh_id);
  EXPECT_NE(moved->wrapped, stored.wrapped);
  ASSERT_TRUE(vault.adopt(*moved, true)) << "the same key under another wrapping";

  ASSERT_TRUE(vault.master_keys().remove_key(stored.master_key_id));
  auto left = MasterKeys::load_file(path, false);
  ASSERT_TRUE(left);
  Vault restarted(*std::move(left));
  EXPECT_FALSE(restarted.adopt(stored, true));
  ASSERT_TRUE(restarted.adopt(*moved, true));
  EXPECT_EQ(restarted.open(context, *sealed)->reveal(), "secret");
}

TEST(VaultRotation, AMasterKeyAddedByAnotherProcessIsFound) {
  TemporaryFolder folder;
  std::string path = folder.file("master.key");
  auto mine = MasterKeys::load_file(path, true);
  auto theirs = MasterKeys::load_file(path, false);
  ASSERT_TRUE(mine && theirs);
  Vault here(*std::move(mine));
  Vault there(*std::move(theirs));
  ASSERT_TRUE(there.master_keys().add_key());
  WrappedKey made_there = there.make_tenant_key("t");
  auto adopted = here.adopt(made_there, true);
  EXPECT_TRUE(adopted) << adopted.error().message();
}

TEST(VaultThreads, SealOpenAndAdoptAtOnce) {
  Vault vault(keys_of(kLineA));
  ASSERT_TRUE(vault.adopt(vault.make_tenant_key("t"), true));
  SealContext context("t", "o", "f");
  std::atomic<int> opened = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        auto sealed = vault.seal(context, "payload");
        if (sealed && vault.open(context, *sealed)) ++opened;
      }
    });
  }
  for (int round = 0; round < 20; ++round) EXPECT_TRUE(vault.adopt(vault.make_tenant_key("t"), true));
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(opened, 800);
}

TEST(SecureKeyDeathTest, CannotBeWrittenOnceFilled) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  initialize();
  auto key = SecureKey::random();
  EXPECT_DEATH({ const_cast<unsigned char*>(key->data())[0] = 1; }, "");
}

TEST(SecureKey, AKeyThatCannotBeFilledIsNone) {
  initialize();
  EXPECT_EQ(SecureKey::make([](unsigned char*) { return false; }), nullptr);
  EXPECT_FALSE(SecureKey::random()->same_as(*SecureKey::random()));
}

}  // namespace
}  // namespace easyflow::crypto
