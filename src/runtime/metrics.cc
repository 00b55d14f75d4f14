#include "runtime/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <utility>

namespace gloo::runtime {
namespace {

class CounterImpl final : public Counter {
 public:
  explicit CounterImpl(prometheus::Counter& counter) : counter_(counter) {}
  void Add(double n) override { counter_.Increment(n); }

 private:
  prometheus::Counter& counter_;
};

class GaugeImpl final : public Gauge {
 public:
  GaugeImpl(prometheus::Family<prometheus::Gauge>& family, prometheus::Gauge& gauge) : family_(family), gauge_(gauge) {}
  void Set(double value) override { gauge_.Set(value); }
  void Remove() { family_.Remove(&gauge_); }

 private:
  prometheus::Family<prometheus::Gauge>& family_;
  prometheus::Gauge& gauge_;
};

class HistogramImpl final : public Histogram {
 public:
  explicit HistogramImpl(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void Observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

using MetricKey = std::pair<std::string, Labels>;

class MetricsImpl final : public Metrics {
 public:
  // A name that is not Prometheus', or one name for two kinds, is a mistake in our code: noexcept ends the process at
  // the line that made it.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels) noexcept override {
    std::lock_guard lock(mutex_);
    auto& slot = counters_[{name, labels}];
    if (!slot) {
      slot = std::make_unique<CounterImpl>(
          prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels));
    }
    return *slot;
  }

  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) noexcept override {
    std::lock_guard lock(mutex_);
    auto& slot = gauges_[{name, labels}];
    if (!slot) {
      auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
      slot = std::make_unique<GaugeImpl>(family, family.Add(labels));
    }
    return *slot;
  }

  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                       const Labels& labels) noexcept override {
    std::lock_guard lock(mutex_);
    auto& slot = histograms_[{name, labels}];
    if (!slot) {
      slot = std::make_unique<HistogramImpl>(
          prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add(labels, buckets));
    }
    return *slot;
  }

  void Forget(const std::string& name, const Labels& labels) override {
    std::lock_guard lock(mutex_);
    const auto it = gauges_.find({name, labels});
    if (it == gauges_.end()) return;
    it->second->Remove();
    gauges_.erase(it);
  }

  std::string Text() const override { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

 private:
  std::mutex mutex_;  // guards the maps
  prometheus::Registry registry_;
  std::map<MetricKey, std::unique_ptr<CounterImpl>> counters_;
  std::map<MetricKey, std::unique_ptr<GaugeImpl>> gauges_;
  std::map<MetricKey, std::unique_ptr<HistogramImpl>> histograms_;
};

}  // namespace

std::unique_ptr<Metrics> Metrics::Create() { return std::make_unique<MetricsImpl>(); }

const std::vector<double>& LatencyBuckets() {
  static const std::vector<double> buckets = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                              0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
  return buckets;
}

}  // namespace gloo::runtime
