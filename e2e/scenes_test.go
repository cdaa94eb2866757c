package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"

	"videosdk-auth-endpoint/e2e/parts"
	"videosdk-auth-endpoint/internal/servicetest"
)

// A scene is what the reader of the dashboard has before them. Its last namespace is the one that it is about.
var scenes = []struct {
	name       string
	namespaces []string
}{
	{"nothing happens", []string{"idle"}},
	{"healthy traffic", []string{"healthy"}},
	{"one namespace is down", []string{"healthy", "down"}},
	{"one namespace is gone", []string{"healthy", "gone"}},
	{"secrets can't be read", []string{"unread"}},
	{"the collector is down", []string{"untraced"}},
}

// stage runs what the scenes show: a service in each of their namespaces, under load where it has traffic.
func stage(t *testing.T) *promQL {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	key, secret := write("key", "a-key"), write("secret", "a-secret")
	keys, policy := write("keys", "backend "+strings.Repeat("ab", 32)+"\n"), write("policy", "true")
	scraped := make(chan struct{})
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-scraped // or Prometheus would not see that the counter moves
		_, _ = io.WriteString(w, keySet)
	}))
	t.Cleanup(provider.Close)
	nobody := fmt.Sprintf("http://127.0.0.1:%d", freePort(t))
	services := map[string]*servicetest.Service{
		"idle": startService(t),
		"healthy": startService(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+startCollector(t).http, "GOMEMLIMIT=100MiB",
			"CORS_ALLOWED_ORIGINS=https://app.example.com"),
		"down": startService(t, "AUTH_JWKS_URL="+nobody, "AUTH_AUDIENCE=test"),
		"gone": startService(t),
		"unread": startService(t, "ZOOM_VIDEO_SDK_KEY=", "ZOOM_VIDEO_SDK_SECRET=", "ZOOM_VIDEO_SDK_KEY_FILE="+key,
			"ZOOM_VIDEO_SDK_SECRET_FILE="+secret, "AUTH_API_KEYS_FILE="+keys, "AUTH_POLICY_FILE="+policy,
			"AUTH_JWKS_URL="+provider.URL, "AUTH_AUDIENCE=test"),
		"untraced": startService(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+nobody, "GOMEMLIMIT=30MiB"),
	}
	p := startPrometheus(t, services, history(t))
	for _, namespace := range []string{"healthy", "down", "untraced"} {
		load(t, services[namespace].URL)
	}
	// by then each has been seen
	for namespace := range services {
		ready := `videosdk_ready{namespace="` + namespace + `"}`
		eventually(t, namespace+" is scraped", func() bool { return len(p.query(t, ready)) == 2 })
	}
	close(scraped)
	crowd(t, services["untraced"].URL)
	services["gone"].Kill()
	write("secret", "")
	write("keys", "not a line of the file\n")
	write("policy", "caller.")
	return p
}

// load sends requests until the test ends, slowly enough to leave the machine to others.
func load(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	tick := time.NewTicker(20 * time.Millisecond)
	go func() {
		defer close(ended)
		for i := 0; ctx.Err() == nil; i++ {
			body := requests[i%len(requests)]
			header := map[string]string{
				"traceparent":   fmt.Sprintf("00-%032x-%016x-01", i+1, 1),
				"Authorization": "Bearer " + unknownToken,
				"Origin":        "https://app." + []string{"example.com", "example.org"}[i%2],
			}
			_, _ = post(ctx, url, body, header)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		tick.Stop()
		<-ended
	})
}

// crowd opens more connections than 30 MiB have room for, and sends nothing.
func crowd(t *testing.T, url string) {
	t.Helper()
	for range 800 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}

// unknownToken is read as far as the key that it names.
const unknownToken = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AAAA"

// keySet has a key that can be used, and one that can't.
const keySet = `{"keys": [{"kty": "EC", "crv": "P-256", "kid": "b", "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
	"y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}, {"kty": "EC", "kid": "c", "crv": "P-256", "x": "AA", "y": "AA"}]}`

// history is what Prometheus recorded in the three days before: ten requests a second, all good but for two bad hours
// of the namespace that is down. Nobody has used the idle one.
func history(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	now := time.Now().Truncate(time.Minute)
	for name, rate := range map[string]func(namespace string, ago time.Duration) int{
		"release:videosdk_token_requests:rate5m": func(namespace string, _ time.Duration) int {
			return map[bool]int{false: 10}[namespace == "idle"]
		},
		"release:videosdk_token_requests_failed:rate5m": func(namespace string, ago time.Duration) int {
			return map[bool]int{true: 10}[namespace == "down" && ago < 2*time.Hour]
		},
	} {
		fmt.Fprintf(&text, "# TYPE %s gauge\n", name)
		for _, scene := range scenes {
			namespace := scene.namespaces[len(scene.namespaces)-1]
			for ago := 72 * time.Hour; ago > 0; ago -= time.Minute {
				fmt.Fprintf(&text, "%s{namespace=%q,app_kubernetes_io_instance=\"auth\"} %d %d\n",
					name, namespace, rate(namespace, ago), now.Add(-ago).Unix())
			}
		}
	}
	text.WriteString("# EOF\n")
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/history", []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool := []string{"tsdb", "create-blocks-from", "openmetrics", dir + "/history", dir + "/data"}
	cmd := exec.CommandContext(t.Context(), parts.Path(t, "promtool"), promtool...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir + "/data"
}

// readDashboard returns the panels, those in rows included.
func readDashboard(t *testing.T) []sdk.Panel {
	t.Helper()
	plugins.RegisterDefaultPlugins()
	content, err := os.ReadFile(chart + "/files/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	board := sdk.NewDashboard()
	if err := json.Unmarshal(content, board); err != nil {
		t.Fatal(err)
	}
	var all []sdk.Panel
	for _, p := range board.Panels {
		if p.Panel != nil {
			all = append(all, *p.Panel)
		} else {
			all = append(all, p.RowPanel.Panels...)
		}
	}
	return all
}

// fill puts in what Grafana would put in for its variables.
func fill(expr string, namespaces []string) string {
	chosen := strings.Join(namespaces, "|")
	variables := []string{"$__rate_interval", "10s", "$__range", "1m", "$namespace", chosen, "$release", ".*"}
	return strings.NewReplacer(variables...).Replace(expr)
}

// unseen are the panels about what isn't brought about here. They have nothing to show, and say so. Nothing makes signing
// fail, and TestDroppedLines drops lines.
var unseen = []string{"Signing errors", "Log lines dropped"}

// TestDashboard: in front of all scenes at once, every query of every panel has an answer.
func TestDashboard(t *testing.T) {
	t.Parallel()
	p := stage(t)
	namespaces := []string{"idle", "healthy", "down", "gone", "unread", "untraced"}
	for _, panel := range readDashboard(t) {
		for _, target := range panel.Targets {
			query, ok := target.(*prometheus.Dataquery)
			if !ok {
				continue // another panel's
			}
			name := *panel.Title + " " + *query.RefId
			t.Run(name, func(t *testing.T) {
				expr := fill(query.Expr, namespaces)
				if slices.Contains(unseen, *panel.Title) {
					if found := p.query(t, expr); len(found) > 0 {
						t.Errorf("%v", found)
					}
					return
				}
				eventually(t, expr, func() bool {
					return slices.ContainsFunc(p.query(t, expr), func(s sample) bool { return s.value == s.value }) // NaN is not
				})
			})
		}
	}
	t.Run("every metric", func(t *testing.T) { testEveryMetric(t, p) })
	t.Run("runbooks", func(t *testing.T) { testRunbooks(t, p) })
	t.Run("scenes", func(t *testing.T) { testScenes(t, p) })
	t.Run("colors", func(t *testing.T) { testColors(t, p) })
	t.Run("rules", func(t *testing.T) { testRules(t, p) })
	t.Run("histograms", func(t *testing.T) { testHistograms(t, p) })
}

// testEveryMetric: every metric of the service's own is in a panel, but for one that a runbook has.
func testEveryMetric(t *testing.T, p *promQL) {
	t.Helper()
	content, err := os.ReadFile(chart + "/files/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range p.query(t, `count by (__name__) ({__name__=~"videosdk_.+", __name__!~".+_(bucket|sum|count)"})`) {
		n++
		name := s.labels["__name__"]
		if !strings.Contains(string(content), name) && name != "videosdk_credential_last_load_timestamp_seconds" {
			t.Errorf("%s is in no panel", name)
		}
	}
	if n < 20 {
		t.Errorf("%d metrics: the test does not see them", n)
	}
}

// testRunbooks: every query of a runbook runs, and most have something to say in front of all these scenes.
func testRunbooks(t *testing.T, p *promQL) {
	t.Helper()
	pages, err := filepath.Glob("../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	asked, answered := 0, 0
	for _, page := range pages {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		_, block, _ := strings.Cut(string(content), "```promql\n")
		block, _, _ = strings.Cut(block, "```")
		for line := range strings.Lines(block) {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			asked++
			if len(p.query(t, strings.ReplaceAll(line, `"NAMESPACE"`, `~".+"`))) > 0 {
				answered++
			}
		}
	}
	t.Logf("%d queries, %d with answers", asked, answered)
	if asked < 15 || answered < asked*2/3 {
		t.Errorf("%d queries, %d with answers", asked, answered)
	}
}

// testScenes holds the table in docs/observing.md to what the panels say that are about now.
func testScenes(t *testing.T, p *promQL) {
	t.Helper()
	content, err := os.ReadFile("../docs/observing.md")
	if err != nil {
		t.Fatal(err)
	}
	var got string
	deadline := time.After(90 * time.Second)
	for tick := time.Tick(time.Second); ; {
		var said map[string][]string
		said, got = table(t, p)
		if strings.Contains(string(content), got) {
			t.Log("\n" + got)
			for name, in := range said {
				if nothing, healthy, down := in[0], in[1], in[2]; !below[name] && (down == nothing || down == healthy) {
					t.Errorf("%s says %q in an outage too", name, down)
				}
			}
			return
		}
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("docs/observing.md does not have this table, which is what the panels say:\n%s", got)
		}
	}
}

// below are the panels that are not on the first screen, and are about something else than an outage.
var below = map[string]bool{
	"Authentication now": true, "Key set now": true,
	"Files now: credentials": true, "Files now: API keys": true, "Files now: policy": true,
}

// table is what each panel says in each scene, and the same as Markdown.
func table(t *testing.T, p *promQL) (said map[string][]string, markdown string) {
	t.Helper()
	var names []string
	said = map[string][]string{}
	for i, scene := range scenes {
		for _, panel := range readDashboard(t) {
			for _, c := range look(t, p, panel, scene.namespaces) {
				if i == 0 {
					names = append(names, c.name)
				}
				said[c.name] = append(said[c.name], c.said)
			}
		}
	}
	var text strings.Builder
	text.WriteString("| panel |")
	for _, scene := range scenes {
		text.WriteString(" " + scene.name + " |")
	}
	text.WriteString("\n|" + strings.Repeat("---|", len(scenes)+1) + "\n")
	for _, name := range names {
		text.WriteString("| " + name + " | " + strings.Join(said[name], " | ") + " |\n")
	}
	return said, text.String()
}

type cell struct{ name, said string }

// look reads a panel as Grafana would write it. A table has a cell for each column, in the line of the scene's own
// namespace.
func look(t *testing.T, p *promQL, panel sdk.Panel, namespaces []string) (cells []cell) {
	t.Helper()
	title, own := *panel.Title, namespaces[len(namespaces)-1]
	defaults := field(t, panel, "")
	answers := func(q *prometheus.Dataquery) []sample { return p.query(t, fill(q.Expr, namespaces)) }
	switch {
	case title == "Firing alerts now":
		said := []string{}
		for _, s := range answers(panel.Targets[0].(*prometheus.Dataquery)) {
			said = append(said, s.labels["alertname"])
		}
		slices.Sort(said)
		if said = slices.Compact(said); len(said) == 0 {
			said = []string{*panel.FieldConfig.Defaults.NoValue}
		}
		return []cell{{title, strings.Join(said, ", ")}}
	case title == "Releases now":
		names := columns(panel)
		for _, target := range panel.Targets {
			q, said := target.(*prometheus.Dataquery), "nothing"
			for _, s := range answers(q) {
				if s.labels["namespace"] == own {
					said = field(t, panel, names["Value #"+*q.RefId]).say(s.value)
				}
			}
			cells = append(cells, cell{title + ": " + names["Value #"+*q.RefId], said})
		}
	case title == "Burn rate of the budget, availability":
		said := *panel.FieldConfig.Defaults.NoValue
		if found := answers(panel.Targets[0].(*prometheus.Dataquery)); len(found) > 0 {
			said = defaults.say(slices.MaxFunc(found, bySize).value)
		}
		return []cell{{title, said}}
	case panel.Type == "stat":
		for _, target := range panel.Targets {
			q, name, said := target.(*prometheus.Dataquery), title, []string{}
			look := defaults
			if legend := *q.LegendFormat; legend != "" && !strings.Contains(legend, "{") {
				name += ": " + legend
				look = field(t, panel, legend)
			}
			for _, s := range answers(q) {
				said = append(said, look.say(s.value))
			}
			if slices.Sort(said); len(said) == 0 {
				said = []string{*panel.FieldConfig.Defaults.NoValue}
			}
			cells = append(cells, cell{name, strings.Join(said, "; ")})
		}
	}
	return cells
}

func bySize(a, b sample) int { return int(a.value - b.value) }

// columns are the names of a table's columns by those of its fields.
func columns(panel sdk.Panel) map[string]string {
	names := map[string]string{}
	for _, transformation := range panel.Transformations {
		if transformation.Id == "organize" {
			for from, to := range transformation.Options.(map[string]any)["renameByName"].(map[string]any) {
				names[from] = to.(string)
			}
		}
	}
	return names
}

// written is how Grafana writes the values of a field.
type written struct {
	Unit     string
	Decimals int
	Mappings []struct {
		Options map[string]struct{ Text, Color string }
	}
	Thresholds struct {
		Steps []struct {
			Value *float64
			Color string
		}
	}
	Color struct{ Mode, FixedColor string }
}

// field returns the defaults of a panel and what it overrides for a series or column of that name.
func field(t *testing.T, panel sdk.Panel, name string) written {
	t.Helper()
	properties := map[string]any{}
	decode := func(from, to any) {
		content, err := json.Marshal(from)
		if err == nil {
			err = json.Unmarshal(content, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	decode(panel.FieldConfig.Defaults, &properties)
	for _, override := range panel.FieldConfig.Overrides {
		if override.Matcher.Options == name {
			for _, property := range override.Properties {
				properties[property.Id] = property.Value
			}
		}
	}
	delete(properties, "custom")
	var w written
	decode(properties, &w)
	return w
}

// say writes a value with its color. Where the value depends on the machine it says only what kind of value it is.
func (w written) say(value float64) string {
	for _, mapping := range w.Mappings {
		if says, ok := mapping.Options[strconv.FormatFloat(value, 'f', -1, 64)]; ok {
			return says.Text + inColor(says.Color)
		}
	}
	color := w.Color.FixedColor
	if color == "" {
		for _, step := range w.Thresholds.Steps {
			if step.Value == nil || value >= *step.Value {
				color = step.Color
			}
		}
	}
	switch text := strconv.FormatFloat(value, 'f', w.Decimals, 64); {
	case w.Unit == "s":
		return "a time"
	case w.Unit == "suffix: tokens/s", w.Unit == "none" && w.Decimals > 0:
		return "a rate"
	case w.Unit == "percentunit" && value < 0:
		return "below 0 %" + inColor(color)
	case w.Unit == "percentunit":
		return strconv.FormatFloat(value*100, 'f', w.Decimals, 64) + " %" + inColor(color)
	default:
		return text + strings.TrimPrefix(strings.TrimPrefix(w.Unit, "none"), "suffix:") + inColor(color)
	}
}

// inColor names a color that means something.
func inColor(color string) string {
	if color == "text" || color == "transparent" {
		return ""
	}
	return ", " + color
}

// testColors: every status that the service answers with, and every reason that it refuses for, has a color of its own.
func testColors(t *testing.T, p *promQL) {
	t.Helper()
	for title, labels := range map[string][2]string{
		"Answers by status":          {"http_server_request_duration_seconds_count", "http_response_status_code"},
		"Refusals by reason, top 10": {"videosdk_token_refusals_total", "reason"},
	} {
		panels := readDashboard(t)
		panel := panels[slices.IndexFunc(panels, func(p sdk.Panel) bool { return *p.Title == title })]
		owners := map[string]string{}
		shown := labels[0] + `{http_route!~"/livez|/readyz|/healthz|/metrics"}`
		for _, s := range p.query(t, "count by ("+labels[1]+") ("+shown+")") {
			value := s.labels[labels[1]]
			color := field(t, panel, value).Color.FixedColor
			if owner, taken := owners[color]; taken || color == "" {
				t.Errorf("%s: %s has the color %q, as %q has", title, value, color, owner)
			}
			owners[color] = value
		}
		if len(owners) < 5 {
			t.Errorf("%s: %v", title, owners)
		}
	}
}
