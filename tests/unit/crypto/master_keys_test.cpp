#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "crypto/vault.hpp"
#include "tests/unit/crypto/temporary_folder.hpp"

namespace easyflow::crypto {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kIdA = "mk_00112233445566aa";
constexpr const char* kIdB = "mk_00112233445566bb";
constexpr const char* kBase64A = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";  // 32 times 'A'
constexpr const char* kBase64B = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

std::string line(const std::string& id, const std::string& base64, const std::string& state = "") {
  return id + " " + base64 + (state.empty() ? "" : " " + state) + "\n";
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 0777;
}

TEST(KeyFile, IsMadeOnFirstStartAndKeptAfterwards) {
  TemporaryFolder folder;
  std::string path = folder.file("master.key");
  auto first = MasterKeys::load_file(path, true);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(mode_of(path), 0600u);
  EXPECT_THAT(folder.read(path), HasSubstr("BACK THIS FILE UP"));
  ASSERT_EQ(first->list().size(), 1u);
  EXPECT_TRUE(first->list()[0].active);
  EXPECT_EQ(first->list()[0].id, first->active_id());
  EXPECT_EQ(first->list()[0].fingerprint.size(), 32u);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));

  auto second = MasterKeys::load_file(path, true);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->active_id(), first->active_id());
  EXPECT_EQ(second->list()[0].fingerprint, first->list()[0].fingerprint);
}

TEST(KeyFile, IsNotMadeUnlessAskedFor) {
  TemporaryFolder folder;
  auto keys = MasterKeys::load_file(folder.file("master.key"), false);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().kind(), ErrorKind::invalid_input);
  EXPECT_THAT(keys.error().message(), HasSubstr("restore it from the backup"));
  EXPECT_FALSE(std::filesystem::exists(folder.file("master.key")));
}

TEST(KeyFile, AMissingFolderIsAnError) {
  TemporaryFolder folder;
  auto keys = MasterKeys::load_file(folder.file("none/master.key"), true);
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error().message(), HasSubstr("No such file or directory"));
}

TEST(KeyFile, IsRefusedWhenOthersMayUseIt) {
  TemporaryFolder folder;
  for (unsigned mode : {0640u, 0604u, 0644u, 0620u, 0666u, 0601u}) {
    std::string path = folder.write("master.key", line(kIdA, kBase64A, "active"), mode);
    auto keys = MasterKeys::load_file(path, true);
    ASSERT_FALSE(keys) << std::oct << mode;
    EXPECT_THAT(keys.error().message(), HasSubstr("chmod 600 " + path));
  }
  EXPECT_TRUE(MasterKeys::load_file(folder.write("master.key", line(kIdA, kBase64A, "active"), 0400), false));
}

TEST(KeyFile, MustBeARegularFileOfReasonableSize) {
  TemporaryFolder folder;
  EXPECT_FALSE(MasterKeys::load_file(folder.file(""), false));
  ASSERT_EQ(::mkfifo(folder.file("fifo").c_str(), 0600), 0);
  EXPECT_FALSE(MasterKeys::load_file(folder.file("fifo"), false));
  EXPECT_FALSE(MasterKeys::load_file(folder.write("large", std::string(70'000, '#')), false));
}

TEST(KeyFile, OneFileIsMadeWhenManyProcessesStartAtOnce) {
  TemporaryFolder folder;
  std::string path = folder.file("master.key");
  constexpr int kProcesses = 8;
  int results[2];
  ASSERT_EQ(::pipe(results), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto keys = MasterKeys::load_file(path, true);
      std::string text = (keys ? keys->list().at(0).fingerprint : std::string("failed")) + "\n";
      ::_exit(::write(results[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
    }
    children.push_back(child);
  }
  ::close(results[1]);
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  std::string text(4096, '\0');
  ssize_t got = ::read(results[0], text.data(), text.size());
  ::close(results[0]);
  auto own = MasterKeys::load_file(path, false);
  ASSERT_TRUE(own);
  std::string expected;
  for (int i = 0; i < kProcesses; ++i) expected += own->list().at(0).fingerprint + "\n";
  EXPECT_EQ(text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(got, 0))), expected);
}

TEST(KeyFile, WhatACrashLeftBehindDoesNotHinder) {
  TemporaryFolder folder;
  folder.write("master.key.new", "half a li", 0666);
  folder.write("master.key.lock", "", 0600);
  auto keys = MasterKeys::load_file(folder.file("master.key"), true);
  ASSERT_TRUE(keys) << keys.error().message();
  EXPECT_EQ(mode_of(folder.file("master.key")), 0600u);
}

TEST(KeyFile, MalformedTextIsRefusedAndNeverQuoted) {
  std::string a = line(kIdA, kBase64A, "active");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "holds no master key"},
      {"# only a comment\n\n", "holds no master key"},
      {line("mk_0011", kBase64A, "active"), "line 1: the key id"},
      {line("mk_00112233445566AA", kBase64A, "active"), "line 1: the key id"},
      {line("dk_00112233445566aa", kBase64A, "active"), "line 1: the key id"},
      {std::string(kIdA) + "\n", "is not 32 bytes in base64"},
      {line(kIdA, "QUFB", "active"), "is not 32 bytes in base64"},
      {line(kIdA, std::string(kBase64A).substr(1), "active"), "is not 32 bytes in base64"},
      {line(kIdA, std::string(kBase64A) + "QUFB", "active"), "is not 32 bytes in base64"},
      {line(kIdA, "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQ!E=", "active"), "is not 32 bytes in base64"},
      {line(kIdA, kBase64A, "Active"), "neither active nor old"},
      {line(kIdA, kBase64A, "active old"), "more than id, key and state"},
      {"# note\n" + a + line(kIdA, kBase64B, "old"), "line 3: the key id mk_00112233445566aa stands there twice"},
      {a + line(kIdB, kBase64B, "active"), "line 2: a second key is active"},
      {line(kIdA, kBase64A, "old"), "marks no key as active"},
      {a + line(kIdB, kBase64B), "mk_00112233445566bb needs a state"},
      {std::string("mk_\0", 4) + a, "line 1: the key id"},
  };
  for (const auto& [text, problem] : cases) {
    auto keys = MasterKeys::parse(Secret(text));
    ASSERT_FALSE(keys) << text;
    EXPECT_EQ(keys.error().kind(), ErrorKind::invalid_input);
    EXPECT_THAT(keys.error().message(), HasSubstr(problem));
    EXPECT_THAT(keys.error().message(), Not(HasSubstr("QUFB")));
    TemporaryFolder folder;
    EXPECT_FALSE(MasterKeys::load_file(folder.write("master.key", text), true)) << text;
    EXPECT_EQ(folder.read(folder.file("master.key")), text) << "a damaged file must not be replaced";
  }
}

TEST(KeyText, OneKeyNeedsNoStateAndCommentsAndBlanksAreSkipped) {
  auto single = MasterKeys::parse(Secret(std::string(kIdA) + " " + kBase64A));
  ASSERT_TRUE(single) << single.error().message();
  EXPECT_EQ(single->active_id(), kIdA);
  EXPECT_TRUE(single->has(kIdA));
  EXPECT_FALSE(single->has(kIdB));

  auto two = MasterKeys::parse(Secret("# c\r\n\n  " + line(kIdA, kBase64A, "old\r") + line(kIdB, kBase64B, "active")));
  ASSERT_TRUE(two) << two.error().message();
  EXPECT_EQ(two->active_id(), kIdB);
  ASSERT_EQ(two->list().size(), 2u);
  EXPECT_NE(two->list()[0].fingerprint, two->list()[1].fingerprint);
  EXPECT_EQ(two->list()[0].fingerprint, single->list()[0].fingerprint);
}

TEST(KeyText, CannotBeRotatedHere) {
  auto keys = MasterKeys::parse(Secret(line(kIdA, kBase64A)));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->add_key().error().kind(), ErrorKind::conflict);
  EXPECT_EQ(keys->remove_key(kIdA).error().kind(), ErrorKind::conflict);
  EXPECT_TRUE(keys->reload());
}

TEST(KeyRotation, AddsAndRemovesKeysInTheFile) {
  TemporaryFolder folder;
  std::string path = folder.write("master.key", line(kIdA, kBase64A, "active"), 0400);
  auto keys = MasterKeys::load_file(path, false);
  ASSERT_TRUE(keys);
  const std::string& old_id = keys->active_id();
  auto added = keys->add_key();
  ASSERT_TRUE(added) << added.error().message();
  EXPECT_EQ(keys->active_id(), *added);
  EXPECT_EQ(old_id, kIdA) << "a reference taken before stays valid";
  EXPECT_EQ(mode_of(path), 0600u);

  auto reread = MasterKeys::load_file(path, false);
  ASSERT_TRUE(reread);
  EXPECT_EQ(reread->active_id(), *added);
  EXPECT_TRUE(reread->has(kIdA));

  EXPECT_EQ(keys->remove_key(*added).error().kind(), ErrorKind::conflict);
  EXPECT_EQ(keys->remove_key(kIdB).error().kind(), ErrorKind::not_found);
  auto removed = keys->remove_key(kIdA);
  ASSERT_TRUE(removed) << removed.error().message();
  EXPECT_FALSE(keys->has(kIdA));
  EXPECT_THAT(folder.read(path), Not(HasSubstr(kIdA)));
}

TEST(KeyRotation, TwoProcessesLoseNoKey) {
  TemporaryFolder folder;
  std::string path = folder.file("master.key");
  auto one = MasterKeys::load_file(path, true);
  auto two = MasterKeys::load_file(path, false);
  ASSERT_TRUE(one && two);
  std::vector<std::thread> threads;
  for (MasterKeys* keys : {&*one, &*two}) {
    threads.emplace_back([keys] {
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(keys->add_key());
    });
  }
  for (auto& thread : threads) thread.join();
  auto all = MasterKeys::load_file(path, false);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->list().size(), 21u);
  ASSERT_TRUE(one->reload());
  EXPECT_EQ(one->list().size(), 21u);
  EXPECT_EQ(one->active_id(), all->active_id());
}

TEST(KeyRotation, AnotherKeyUnderAKnownIdIsAnErrorAndLeavesTheFile) {
  TemporaryFolder folder;
  std::string path = folder.write("master.key", line(kIdA, kBase64A, "active"));
  auto keys = MasterKeys::load_file(path, false);
  ASSERT_TRUE(keys);
  folder.write("master.key", line(kIdA, kBase64B, "active"));
  EXPECT_FALSE(keys->reload());
  EXPECT_FALSE(keys->add_key());
  EXPECT_EQ(folder.read(path), line(kIdA, kBase64B, "active"));
}

TEST(KeyRotation, FollowsALinkInsteadOfReplacingIt) {
  TemporaryFolder folder;
  std::string target = folder.write("real.key", line(kIdA, kBase64A, "active"));
  std::filesystem::create_symlink(target, folder.file("master.key"));
  auto keys = MasterKeys::load_file(folder.file("master.key"), true);
  ASSERT_TRUE(keys);
  ASSERT_TRUE(keys->add_key());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.file("master.key")));
  EXPECT_EQ(MasterKeys::load_file(target, false)->list().size(), 2u);
}

}  // namespace
}  // namespace easyflow::crypto
