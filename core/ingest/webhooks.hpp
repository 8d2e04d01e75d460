// The HTTP side of ingest: POST /hooks/{platform}/{path}.
#pragma once

#include <string>

#include "core/async/task.hpp"
#include "core/base/clock.hpp"
#include "core/base/http_message.hpp"
#include "core/ingest/batcher.hpp"
#include "core/platforms/accounts.hpp"
#include "core/understanding/directory.hpp"

namespace easyflow::ingest {

class WebhookHandler {
 public:
  WebhookHandler(platforms::AccountDirectory& accounts, understanding::ReaderDirectory& readers, IngestBatcher& batcher,
                 crypto::Vault& vault, const Clock& clock);

  /// Answers 200 only after the COMMIT, so that the platform repeats what we could not keep. A body without a meaning
  /// is kept in quarantine and answered 200: an error would make the platform block the chat and repeat for a day.
  /// 404 unknown path, 401 not proven to be the platform, 503 not stored, or not known whose path it is.
  Task<HttpResponse> handle(std::string platform, std::string path, HttpRequest request);

 private:
  /// Errors: not_found, unavailable (the database is out of reach and the account was not opened before).
  Task<Result<platforms::AccountPtr>> receiver(std::string path);

  platforms::AccountDirectory& accounts_;
  understanding::ReaderDirectory& readers_;
  IngestBatcher& batcher_;
  crypto::Vault& vault_;
  const Clock& clock_;
  Timestamp quiet_until_{};
};

}  // namespace easyflow::ingest
