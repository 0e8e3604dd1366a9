// Throughput over time, in three resolutions. Pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace warren::web {

// Bits per second in one step; NaN: no data.
struct Throughput {
    float inbound = NAN;
    float outbound = NAN;

    [[nodiscard]] bool is_known() const { return !std::isnan(inbound); }
    [[nodiscard]] bool is_zero() const { return inbound == 0 && outbound == 0; }
};

// The last `capacity` steps. Allocates memory once there is traffic: a customer without traffic costs nothing.
class Ring {
  public:
    explicit Ring(std::size_t capacity) : capacity_(capacity) {}

    // `step` counts steps since 1970 and increases; a step that is not newer than the last one is ignored.
    void add(std::int64_t step, Throughput value);
    // Steps that were skipped are unknown.
    struct Column {
        std::int64_t first_step = 0;
        std::vector<Throughput> values;
    };
    [[nodiscard]] Column column() const;
    [[nodiscard]] std::size_t memory() const { return values_.capacity() * sizeof(Throughput); }

  private:
    void push(Throughput value);

    std::size_t capacity_;
    std::int64_t since_ = 0;          // the first zero step, while nothing is stored
    std::int64_t last_step_ = -1;     // the last step added
    std::vector<Throughput> values_;  // a ring buffer once full
    std::size_t head_ = 0;            // the oldest, once full
};

// A ring of means over longer steps.
class Means {
  public:
    Means(std::int64_t step_seconds, std::size_t capacity) : step_seconds_(step_seconds), ring_(capacity) {}
    void add(std::int64_t seconds, Throughput value);
    [[nodiscard]] const Ring& ring() const { return ring_; }

  private:
    std::int64_t step_seconds_;
    Ring ring_;
    std::int64_t step_ = -1;  // the step being averaged
    double inbound_ = 0;
    double outbound_ = 0;
    int count_ = 0;
};

// Steps of 2 s for 10 minutes, of 1 minute for 24 hours, and of 30 minutes for 7 days.
class Series {
  public:
    static constexpr std::int64_t kFineSeconds = 2;
    static constexpr std::int64_t kCoarseSeconds = 60;
    static constexpr std::int64_t kLongSeconds = 1800;
    static constexpr std::size_t kFineSteps = 300;
    static constexpr std::size_t kCoarseSteps = 1440;
    static constexpr std::size_t kLongSteps = 336;

    // `value`: the mean over the 2 s that end at `seconds` (since 1970).
    void add(std::int64_t seconds, Throughput value);
    [[nodiscard]] const Ring& fine() const { return fine_; }
    [[nodiscard]] const Ring& coarse() const { return coarse_.ring(); }
    [[nodiscard]] const Ring& week() const { return week_.ring(); }
    [[nodiscard]] std::size_t memory() const { return fine_.memory() + coarse().memory() + week().memory(); }

  private:
    Ring fine_{kFineSteps};
    Means coarse_{kCoarseSeconds, kCoarseSteps};
    Means week_{kLongSeconds, kLongSteps};
};

}  // namespace warren::web
