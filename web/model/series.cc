#include "web/model/series.h"

#include <algorithm>

namespace warren::web {

void Ring::push(Throughput value) {
    if (values_.size() < capacity_) {
        values_.push_back(value);
        return;
    }
    values_[head_] = value;
    head_ = (head_ + 1) % capacity_;
}

void Ring::add(std::int64_t step, Throughput value) {
    if (step <= last_step_) return;
    const std::int64_t missed = last_step_ < 0 ? 0 : step - last_step_ - 1;
    if (values_.empty()) {
        if (last_step_ < 0 || missed > 0) since_ = step;
        last_step_ = step;
        if (value.is_zero()) return;
        const auto silent = std::min<std::int64_t>(step - since_, static_cast<std::int64_t>(capacity_) - 1);
        values_.assign(static_cast<std::size_t>(silent), Throughput{0, 0});
        head_ = 0;
        push(value);
        return;
    }
    for (std::int64_t i = 0; i < std::min<std::int64_t>(missed, static_cast<std::int64_t>(capacity_)); ++i) push({});
    last_step_ = step;
    push(value);
    // All steps are zero: free the memory again.
    if (value.is_zero() && head_ == 0 && values_.size() == capacity_ &&
        std::all_of(values_.begin(), values_.end(), [](const Throughput& one) { return one.is_zero(); })) {
        since_ = step - static_cast<std::int64_t>(capacity_) + 1;
        values_ = std::vector<Throughput>();  // clear() would keep it
    }
}

Ring::Column Ring::column() const {
    Column out;
    if (last_step_ < 0) return out;
    if (values_.empty()) {
        const auto silent = std::min<std::int64_t>(last_step_ - since_ + 1, static_cast<std::int64_t>(capacity_));
        out.first_step = last_step_ - silent + 1;
        out.values.assign(static_cast<std::size_t>(silent), Throughput{0, 0});
        return out;
    }
    out.first_step = last_step_ - static_cast<std::int64_t>(values_.size()) + 1;
    out.values.reserve(values_.size());
    for (std::size_t i = 0; i < values_.size(); ++i) out.values.push_back(values_[(head_ + i) % values_.size()]);
    return out;
}

void Means::add(std::int64_t seconds, Throughput value) {
    const std::int64_t step = seconds / step_seconds_;
    if (step != step_ && count_ > 0) {
        ring_.add(step_, {static_cast<float>(inbound_ / count_), static_cast<float>(outbound_ / count_)});
        inbound_ = outbound_ = 0;
        count_ = 0;
    }
    step_ = step;
    if (!value.is_known()) return;
    inbound_ += static_cast<double>(value.inbound);
    outbound_ += static_cast<double>(value.outbound);
    ++count_;
}

void Series::add(std::int64_t seconds, Throughput value) {
    fine_.add(seconds / kFineSeconds, value);
    coarse_.add(seconds, value);
    week_.add(seconds, value);
}

}  // namespace warren::web
