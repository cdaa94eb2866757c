package handler

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"videosdk-auth-endpoint/telemetry"
)

const (
	livePath    = "/livez"
	readyPath   = "/readyz"
	healthPath  = "/healthz" // the same as livePath, for platforms that ask here
	metricsPath = "/metrics"
)

// route is one row of the table: what is served on which path, and what it may answer.
type route struct {
	methods []string
	path    string // empty where nothing is served
	// admin routes are health and metrics. ADMIN_PORT serves them, and they are neither traced nor open to web pages.
	admin bool
	// statuses have a time series from the start.
	statuses []int
	answer   func(*exchange) error
	page     *page // the answer to GET, where it never changes
	// unserved answers the methods that the path doesn't have. The first route on the path has it.
	unserved func(*exchange) error
}

// answers holds what answers each route.
type answers struct {
	token, live, ready, metrics func(*exchange) error
	about, description          *page
}

// table is every route of the service. Echo, the metrics, the API's description and the tests read it.
type table []*route

func newTable(tokenPath string, playground, metrics bool, a answers) table {
	read, found := []string{http.MethodGet, http.MethodHead}, []int{http.StatusOK, http.StatusNotModified}
	pages := map[string]*page{rootPath: a.about, tokenPath: a.about, descriptionPath: a.description}
	if playground {
		maps.Copy(pages, playgroundFiles)
	}
	t := table{{
		methods: []string{http.MethodPost}, path: tokenPath, answer: a.token,
		statuses: append([]int{http.StatusOK}, tokenFailures()...),
	}}
	for _, path := range slices.Sorted(maps.Keys(pages)) {
		t = append(t, &route{methods: read, path: path, statuses: found, answer: pages[path].answer, page: pages[path]})
	}
	t = append(t,
		&route{methods: read, path: livePath, admin: true, statuses: found[:1], answer: a.live},
		&route{methods: read, path: healthPath, admin: true, statuses: found[:1], answer: a.live},
		&route{methods: read, path: readyPath, admin: true, statuses: []int{200, 503}, answer: a.ready},
		&route{
			methods: []string{http.MethodGet, http.MethodPost}, statuses: []int{http.StatusNotFound},
			answer: func(*exchange) error {
				return failed(http.StatusNotFound, "path", "must be "+tokenPath+": nothing is served here")
			},
		},
		// requests that net/http can't read
		&route{methods: []string{"_OTHER"}, statuses: []int{400, 408, 417, 431, 501, 505}},
	)
	if metrics {
		t = append(t, &route{methods: read, path: metricsPath, admin: true, statuses: found[:1], answer: a.metrics})
	}
	for _, r := range t.served() {
		if t.at(r.path) != r {
			continue // the first route on the path stands for all of them
		}
		allow := t.allow(r.path)
		r.unserved = wrongMethod(allow, tokenPath)
		o := &route{methods: []string{http.MethodOptions}, path: r.path, admin: r.admin, answer: allowed(allow)}
		if r.path == tokenPath {
			o.statuses = []int{http.StatusNoContent, http.StatusForbidden}
		}
		t = append(t, o)
	}
	return t
}

// reserved says whether another route has that path in any configuration. The token route may share the root.
func reserved(path string) bool {
	other := newTable("", true, true, answers{}).at(path)
	return path != rootPath && other != nil
}

// served are the routes on a path.
func (t table) served() table {
	return slices.DeleteFunc(slices.Clone(t), func(r *route) bool { return r.path == "" })
}

// split returns the routes of each port. Health answers on both, since a platform may ask for it on PORT alone.
func (t table) split() (public, admin table) {
	for _, r := range t {
		if r.path != metricsPath {
			public = append(public, r)
		}
		if r.admin || r.path == "" {
			admin = append(admin, r)
		}
	}
	return public, admin
}

// at is the first route on that path; nil where there is none.
func (t table) at(path string) *route {
	if i := slices.IndexFunc(t, func(r *route) bool { return r.path == path }); i >= 0 {
		return t[i]
	}
	return nil
}

// page is what GET on that path is answered with; nil where that is not a page.
func (t table) page(path string) *page {
	for _, r := range t {
		if r.path == path && r.page != nil {
			return r.page
		}
	}
	return nil
}

// allow lists the path's methods as the header Allow does.
func (t table) allow(path string) string {
	var methods []string
	for _, r := range t {
		if r.path == path && !slices.Contains(r.methods, http.MethodOptions) {
			methods = append(methods, r.methods...)
		}
	}
	slices.Sort(methods)
	return strings.Join(append([]string{http.MethodOptions}, methods...), ", ")
}

// unserved returns the route of a request that fits no other: nothing is served on its path, or not by its method.
func (t table) unserved(path string) *route {
	known := t.at(path)
	if known == nil || path == "" {
		return t.at("")
	}
	return &route{path: path, admin: known.admin, answer: known.unserved}
}

func wrongMethod(allow, tokenPath string) func(*exchange) error {
	reason := "must be one of " + allow
	if !strings.Contains(allow, http.MethodPost) {
		reason += ": tokens are served on " + tokenPath
	}
	return func(x *exchange) error {
		x.Header().Set("Allow", allow)
		return failed(http.StatusMethodNotAllowed, "method", reason)
	}
}

// series are the metrics' labels of every answer that is expected.
func (t table) series() []telemetry.Series {
	var all []telemetry.Series
	for _, r := range t {
		for _, method := range r.methods {
			for _, status := range r.statuses {
				if method != http.MethodHead {
					all = append(all, telemetry.Series{Method: method, Route: r.path, Status: status})
				}
			}
		}
	}
	return all
}

// allowed answers OPTIONS on the paths of health and metrics. On every other path OPTIONS is a preflight, and
// Handler.answer answers it without asking the route.
func allowed(methods string) func(*exchange) error {
	return func(x *exchange) error {
		x.Header().Set("Allow", methods)
		x.WriteHeader(http.StatusNoContent)
		return nil
	}
}
