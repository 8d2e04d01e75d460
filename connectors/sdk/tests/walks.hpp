// Drives walks against a function that answers requests, as the engines do with a real platform.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "connectors/sdk/connector.hpp"

namespace easyflow::sdk::testing {

using Platform = std::function<HttpResponse(const Request&)>;

/// All pages of a walk to its end. Throws when it fails or asks more than `most` times.
inline std::vector<Page> all_pages(StreamWalk& walk, const Platform& platform, int most = 2000) {
  std::vector<Page> pages;
  std::optional<HttpResponse> reply;
  for (int i = 0; i < most; ++i) {
    auto step = walk.next(reply ? &*reply : nullptr);
    reply.reset();
    if (!step) throw std::runtime_error(step.error().message());
    if (auto* request = std::get_if<Request>(&*step))
      reply = platform(*request);
    else if (auto* page = std::get_if<Page>(&*step))
      pages.push_back(std::move(*page));
    else if (std::holds_alternative<EndOfStream>(*step))
      return pages;
  }
  throw std::runtime_error("the walk does not end");
}

/// Drives an exchange to its value or error.
template <class Out>
Result<Out> run(Exchange<Out>& exchange, const Platform& platform) {
  std::optional<HttpResponse> reply;
  for (int i = 0; i < 20; ++i) {
    auto step = exchange.next(reply ? &*reply : nullptr);
    reply.reset();
    if (!step) return step.error();
    if (auto* request = std::get_if<Request>(&*step))
      reply = platform(*request);
    else if (auto* out = std::get_if<Out>(&*step))
      return std::move(*out);
  }
  throw std::runtime_error("the exchange does not end");
}

/// The id of an order or product, with the status of orders where asked.
inline std::string id_of(const Record& record) {
  return std::visit([](const auto& row) { return row.external_id; }, record);
}

}  // namespace easyflow::sdk::testing
