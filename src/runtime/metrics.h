// The process's metrics, in Prometheus' terms. Names start with `gloo_`; thread safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gloo::runtime {

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double n = 1) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

using Labels = std::map<std::string, std::string>;

// The same name and labels give the same metric. References live as long as the registry, or until Forget().
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  virtual Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  // `buckets` are upper bounds, ascending; seconds for times.
  virtual Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                               const Labels& labels = {}) = 0;
  // The gauge of these labels is no more, and nobody may use it any more.
  virtual void Forget(const std::string& name, const Labels& labels) = 0;
  // The text exposition format 0.0.4.
  virtual std::string Text() const = 0;

  static std::unique_ptr<Metrics> Create();
};

// 100 us to 10 s.
const std::vector<double>& LatencyBuckets();

}  // namespace gloo::runtime
