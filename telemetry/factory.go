package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// factory makes metrics and registers them.
type factory struct{ promauto.Factory }

func (f factory) counter(name, help string) prometheus.Counter {
	return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	return f.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// counters makes a counter for each value of a label.
func counters[T ~string](f factory, name, help, label string, values ...T) map[T]prometheus.Counter {
	vec := f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	all := map[T]prometheus.Counter{}
	for _, value := range values {
		all[value] = vec.WithLabelValues(string(value))
	}
	return all
}

// reloads are the changes of a file that is read again and again.
type reloads struct {
	results map[string]prometheus.Counter
	// readable is 0 while the file can't be used, and not only at the moment that it changed.
	readable prometheus.Gauge
}

// reloads makes the metrics of a file that could be used when the service started.
func (f factory) reloads(total, successful, file string) reloads {
	r := reloads{
		counters(f, total, "Changes of "+file+", by result; after an error what was read before stays in use.",
			"result", resultOK, resultError),
		f.gauge(successful, "0 while "+file+" can't be used, so that a new process would not start; else 1."),
	}
	r.readable.Set(1)
	return r
}

func (r reloads) count(err error) {
	r.results[result(err)].Inc()
	r.readable.Set(number(err == nil))
}

// The results of what succeeds or fails.
const (
	resultOK    = "ok"
	resultError = "error"
)

func result(err error) string {
	if err != nil {
		return resultError
	}
	return resultOK
}

// number is a yes or no as a gauge has it.
func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
