#include "bench/nlp/data.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace easyflow::bench {
namespace {

nlp::Example example(std::string text, std::string intent) {
  nlp::Example out;
  out.text = std::move(text);
  out.intent = std::move(intent);
  return out;
}

std::size_t column(const std::vector<std::string>& header, const std::string& name) {
  for (std::size_t i = 0; i < header.size(); ++i)
    if (header[i] == name) return i;
  throw std::runtime_error("no column " + name);
}

Examples from_csv(const std::string& path, const std::string& text, const std::string& intent) {
  const auto rows = read_csv(path, ',');
  const auto text_at = column(rows.at(0), text), intent_at = column(rows.at(0), intent);
  Examples out;
  for (std::size_t i = 1; i < rows.size(); ++i)
    if (rows[i].size() > std::max(text_at, intent_at)) out.push_back(example(rows[i][text_at], rows[i][intent_at]));
  return out;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream in(read_file(path));
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    out.push_back(line);
  }
  return out;
}

}  // namespace

bool exists(const std::string& path) { return std::filesystem::exists(path); }

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("can't read " + path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::vector<std::string>> read_csv(const std::string& path, char separator) {
  const auto text = read_file(path);
  std::vector<std::vector<std::string>> out;
  std::vector<std::string> row;
  std::string field;
  bool quoted = false;
  const auto end_row = [&] {
    row.push_back(field);
    field.clear();
    if (row.size() > 1 || !row[0].empty()) out.push_back(row);
    row.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"')
        field.push_back(c);
      else if (i + 1 < text.size() && text[i + 1] == '"')
        field.push_back(text[++i]);
      else
        quoted = false;
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == separator) {
      row.push_back(field);
      field.clear();
    } else if (c == '\n') {
      end_row();
    } else if (c != '\r') {
      field.push_back(c);
    }
  }
  if (!field.empty() || !row.empty()) end_row();
  return out;
}

void hold_out(IntentSet& set) {
  Examples train;
  std::size_t i = 0;
  for (auto& one : set.train) (i++ % 10 == 9 ? set.valid : train).push_back(std::move(one));
  set.train = std::move(train);
}

std::vector<Annotated> annotated(const std::string& path) {
  std::vector<Annotated> out;
  const auto lines = lines_of(path);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::vector<std::string> fields;
    std::istringstream in(lines[i]);
    for (std::string field; std::getline(in, field, '\t');) fields.push_back(field);
    if (fields.size() < 5) continue;
    Annotated one;
    one.example = example(fields[3], fields[2]);
    one.example.lang = fields[1];
    for (const auto& row : nlohmann::json::parse(fields[4])) {
      nlp::Entity entity;
      entity.type = row.at("type").get<std::string>();
      entity.start = row.at("start").get<std::size_t>();
      entity.end = row.at("end").get<std::size_t>();
      entity.value = row.value("value", "");
      one.has_value.push_back(row.contains("value"));
      one.entities.push_back(std::move(entity));
    }
    out.push_back(std::move(one));
  }
  return out;
}

IntentSet clinc150(const std::string& folder) {
  const auto json = nlohmann::json::parse(read_file(folder + "/clinc150/data_full.json"));
  const auto part = [&](const char* name) {
    Examples out;
    for (const auto& row : json.at(name))
      out.push_back(example(row.at(0).get<std::string>(), row.at(1).get<std::string>()));
    return out;
  };
  IntentSet set;
  set.train = part("train");
  set.valid = part("val");
  set.test = part("test");
  set.valid_out = part("oos_val");
  set.test_out = part("oos_test");
  return set;
}

IntentSet banking77(const std::string& folder) {
  IntentSet set;
  set.train = from_csv(folder + "/banking77/train.csv", "text", "category");
  set.test = from_csv(folder + "/banking77/test.csv", "text", "category");
  return set;
}

IntentSet hwu64(const std::string& folder) {
  const auto part = [&](const std::string& name) {
    const auto labels = lines_of(folder + "/hwu64/" + name + "/label");
    const auto texts = lines_of(folder + "/hwu64/" + name + "/seq.in");
    Examples out;
    for (std::size_t i = 0; i < std::min(labels.size(), texts.size()); ++i)
      if (!texts[i].empty()) out.push_back(example(texts[i], labels[i]));
    return out;
  };
  IntentSet set;
  set.train = part("train");
  set.valid = part("valid");
  set.test = part("test");
  return set;
}

IntentSet hwu64_fold(const std::string& folder, int fold) {
  const auto part = [&](const char* name) {
    Examples out;
    for (const auto& line : lines_of(folder + "/hwu64/kfold/fold" + std::to_string(fold) + "_" + name + ".tsv")) {
      const auto tab = line.find('\t');
      if (tab != std::string::npos) out.push_back(example(line.substr(tab + 1), line.substr(0, tab)));
    }
    return out;
  };
  IntentSet set;
  set.train = part("train");
  set.test = part("test");
  return set;
}

IntentSet ru_nlu_eval(const std::string& folder) {
  IntentSet set;
  set.train = from_csv(folder + "/ru_nlu_eval/intents_train.csv", "text", "label");
  set.test = from_csv(folder + "/ru_nlu_eval/intents_test.csv", "text", "label");
  return set;
}

IntentSet hint3(const std::string& folder, const std::string& bot) {
  IntentSet set;
  set.train = from_csv(folder + "/hint3/v1/train/" + bot + "_train.csv", "sentence", "label");
  for (auto& one : from_csv(folder + "/hint3/v1/test/" + bot + "_test.csv", "sentence", "label"))
    (one.intent == "NO_NODES_DETECTED" ? set.test_out : set.test).push_back(std::move(one));
  // an intent with a single example can't be trained: it comes twice
  std::map<std::string, int> sizes;
  for (const auto& one : set.train) ++sizes[one.intent];
  for (std::size_t i = 0, count = set.train.size(); i < count; ++i)
    if (sizes[set.train[i].intent] == 1) set.train.push_back(Examples::value_type(set.train[i]));
  return set;
}

}  // namespace easyflow::bench
