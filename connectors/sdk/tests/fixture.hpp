// The files of a connector's fixtures folder.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace easyflow::sdk::testing {

inline std::string fixture(const std::string& name) {
  std::ifstream file(std::filesystem::path(EASYFLOW_FIXTURES) / name, std::ios::binary);
  if (!file) throw std::runtime_error("no fixture " + name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Names of all fixtures that begin with `prefix`, sorted.
inline std::vector<std::string> fixtures(const std::string& prefix) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(EASYFLOW_FIXTURES)) {
    std::string name = entry.path().filename().string();
    if (name.rfind(prefix, 0) == 0) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace easyflow::sdk::testing
