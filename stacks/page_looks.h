// How often stackd looks into stacks for users of the status page, and when statusd asks without end.
#pragma once

#include "base/time.h"
#include "base/token_bucket.h"

namespace warren::stacks {

// A look takes some milliseconds of stackd. statusd gives each viewer its part of them (web/api/router.h). One thread.
class PageLooks {
  public:
    static constexpr TokenRate kLooks{20, 40};
    // Beyond those each costs stackd a turn of its loop. Many operators ask for some too many; a statusd that goes on
    // and on is not one that people use.
    static constexpr TokenRate kRefusals{50, 500};

    // Another statusd asks from now on. What was looked at before counts on.
    void begin_anew() {
        refused_ = {};
        is_flooded_ = false;
    }
    // For each request, whoever it is about. False: it is one too many.
    [[nodiscard]] bool take(Instant now) {
        if (looks_.take(now, kLooks)) return true;
        is_flooded_ = !refused_.take(now, kRefusals) || is_flooded_;
        return false;
    }
    // Since begin_anew() there were more than those constants say: end that statusd.
    [[nodiscard]] bool is_flooded() const { return is_flooded_; }

  private:
    TokenBucket looks_;
    TokenBucket refused_;
    bool is_flooded_ = false;
};

}  // namespace warren::stacks
