#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/nlp/training.hpp"

namespace easyflow::nlp {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value, int digits) {
  char text[64];
  const int size = std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return std::string(text, static_cast<std::size_t>(size > 0 ? size : 0));
}
std::string percent(double share) { return number(100 * share, 1) + "&nbsp;%"; }

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out.push_back(c);
    }
  return out;
}

constexpr double kPlot = 260, kEdge = 40;
double x_of(double share) { return kEdge + share * kPlot; }
double y_of(double share) { return 10 + (1 - share) * kPlot; }

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return "<line x1=\"" + number(x_of(x1), 1) + "\" y1=\"" + number(y_of(y1), 1) + "\" x2=\"" + number(x_of(x2), 1) +
         "\" y2=\"" + number(y_of(y2), 1) + "\" class=\"" + style + "\"/>";
}

/// An empty square plot from 0 to 1 with its axes named.
std::string plot_frame(const std::string& title, const std::string& x_name, const std::string& y_name) {
  std::string out =
      "<svg viewBox=\"0 0 320 320\" role=\"img\" aria-label=\"" + title + "\"><title>" + title + "</title>";
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    const double share = tenth / 10.0;
    out += line(0, share, 1, share, "grid") + line(share, 0, share, 1, "grid");
    out += "<text x=\"" + number(kEdge - 6, 1) + "\" y=\"" + number(y_of(share) + 4, 1) + "\" text-anchor=\"end\">" +
           number(share, 1) + "</text>";
    out += "<text x=\"" + number(x_of(share), 1) + "\" y=\"" + number(y_of(0) + 16, 1) + "\" text-anchor=\"middle\">" +
           number(share, 1) + "</text>";
  }
  out += "<text x=\"" + number(x_of(0.5), 1) + "\" y=\"" + number(y_of(0) + 34, 1) + "\" text-anchor=\"middle\">" +
         x_name + "</text>";
  out += "<text transform=\"translate(10 " + number(y_of(0.5), 1) + ") rotate(-90)\" text-anchor=\"middle\">" + y_name +
         "</text>";
  return out;
}

std::string calibration_plot(const TestReport& report) {
  auto out = plot_frame("Calibration", "confidence", "share that is right");
  out += line(0, 0, 1, 1, "ideal");
  for (const auto& bin : report.calibration) {
    if (bin.count == 0) continue;
    const double share = static_cast<double>(bin.count) / static_cast<double>(report.examples);
    out += "<circle cx=\"" + number(x_of(bin.confidence), 1) + "\" cy=\"" + number(y_of(bin.accuracy), 1) + "\" r=\"" +
           number(2.5 + 12 * std::sqrt(share), 1) + "\" class=\"bin\"><title>" + std::to_string(bin.count) +
           " messages: confidence " + number(bin.confidence, 3) + ", right " + number(bin.accuracy, 3) +
           "</title></circle>";
  }
  return out + "</svg>";
}

std::string coverage_plot(const TestReport& report) {
  auto out = plot_frame("Coverage", "share answered, surest first", "share of those that is right");
  out += "<polyline class=\"curve\" points=\"";
  for (const auto& point : report.coverage)
    out += number(x_of(point.coverage), 1) + "," + number(y_of(point.accuracy), 1) + " ";
  return out + "\"/></svg>";
}

}  // namespace

std::string to_html(const TestReport& report) {
  std::string out =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Intent model</title><style>"
      "body{font:14px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
      "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.2rem .8rem;border-bottom:1px solid #d8dee4;"
      "text-align:right;vertical-align:top}td.t,th.t{text-align:left}svg{width:22rem;max-width:100%}text{font-size:"
      "10px;"
      "fill:#57606a}.grid{stroke:#eaeef2}.ideal{stroke:#8c959f;stroke-dasharray:4 3}.bin{fill:#0969da;fill-opacity:.6}"
      ".curve{fill:none;stroke:#0969da;stroke-width:2}.warn{background:#fff8c5;padding:.5rem .8rem}</style><h1>Intent "
      "model</h1>";
  out += "<p>" + std::to_string(report.examples) + " messages: " + percent(report.accuracy) + " right, macro-F1 " +
         number(report.macro_f1, 3) + ", calibration error " + number(report.ece, 3) + ", out of scope found " +
         percent(report.out_of_scope_recall) + ", in scope rejected " + percent(report.false_rejections) + ".</p>";
  if (!report.calibration_reliable)
    out +=
        "<p class=\"warn\">There are too few examples for the confidence to be trusted: it takes 500 in all and 20 an "
        "intent.</p>";
  out += "<h2>Can the confidence be trusted?</h2>" + calibration_plot(report) + coverage_plot(report);
  out += "<h2>Intents</h2><table><tr><th class=\"t\">intent<th>examples<th>precision<th>recall<th>F1</tr>";
  for (const auto& row : report.intents)
    out += "<tr><td class=\"t\">" + escaped(row.intent) + "<td>" + std::to_string(row.examples) + "<td>" +
           number(row.precision, 3) + "<td>" + number(row.recall, 3) + "<td>" + number(row.f1, 3) + "</tr>";
  out +=
      "</table><h2>Confusions</h2><table><tr><th class=\"t\">meant<th class=\"t\">answered<th>times<th "
      "class=\"t\">for example</tr>";
  std::size_t shown = 0;
  for (const auto& confusion : report.confusions) {
    if (++shown > 40) break;
    out += "<tr><td class=\"t\">" + escaped(confusion.gold) + "<td class=\"t\">" + escaped(confusion.predicted) +
           "<td>" + std::to_string(confusion.count) + "<td class=\"t\">";
    for (const auto& sample : confusion.samples) out += escaped(sample) + "<br>";
    out += "</tr>";
  }
  out += "</table><h2>The data</h2><p>" + std::to_string(report.faults.duplicates) + " duplicates.</p>";
  const auto list = [&out](const char* title, const std::vector<std::string>& items) {
    if (items.empty()) return;
    out += std::string("<h3>") + title + "</h3><ul>";
    for (std::size_t i = 0; i < items.size() && i < 100; ++i) out += "<li>" + escaped(items[i]) + "</li>";
    out += "</ul>";
  };
  list("The same text under two intents", report.faults.contradictions);
  list("Intents with fewer than ten examples", report.faults.small_intents);
  return out + "</html>\n";
}

std::string to_json(const TestReport& report) {
  Json out;
  out["examples"] = report.examples;
  out["accuracy"] = report.accuracy;
  out["macro_f1"] = report.macro_f1;
  out["ece"] = report.ece;
  out["out_of_scope_recall"] = report.out_of_scope_recall;
  out["false_rejections"] = report.false_rejections;
  out["calibration_reliable"] = report.calibration_reliable;
  auto& intents = out["intents"] = Json::array();
  for (const auto& row : report.intents)
    intents.push_back({{"intent", row.intent},
                       {"examples", row.examples},
                       {"precision", row.precision},
                       {"recall", row.recall},
                       {"f1", row.f1}});
  auto& confusions = out["confusions"] = Json::array();
  for (const auto& row : report.confusions)
    confusions.push_back(
        {{"gold", row.gold}, {"predicted", row.predicted}, {"count", row.count}, {"samples", row.samples}});
  auto& calibration = out["calibration"] = Json::array();
  for (const auto& bin : report.calibration)
    calibration.push_back({{"confidence", bin.confidence}, {"accuracy", bin.accuracy}, {"count", bin.count}});
  auto& coverage = out["coverage"] = Json::array();
  for (const auto& point : report.coverage)
    coverage.push_back({{"coverage", point.coverage}, {"accuracy", point.accuracy}});
  out["faults"] = {{"duplicates", report.faults.duplicates},
                   {"contradictions", report.faults.contradictions},
                   {"small_intents", report.faults.small_intents}};
  // texts may hold anything, JSON only UTF-8
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace easyflow::nlp
