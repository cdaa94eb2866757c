package telemetry

import "github.com/prometheus/client_golang/prometheus"

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

// reloads are the changes of a file that is read again and again.
type reloads struct {
	results map[string]prometheus.Counter
	// readable is 0 while the file can't be used, and not only at the moment that it changed.
	readable prometheus.Gauge
}

// newReloads is of a file that could be used when the service started.
func newReloads(results map[string]prometheus.Counter, readable prometheus.Gauge) reloads {
	readable.Set(1)
	return reloads{results, readable}
}

func (r reloads) count(err error) {
	r.results[result(err)].Inc()
	r.readable.Set(number(err == nil))
}

// number is a yes or no as a gauge has it.
func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
