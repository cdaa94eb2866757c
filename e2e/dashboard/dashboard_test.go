package dashboard_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/prometheus/prometheus/promql/parser"

	"videosdk-auth-endpoint/e2e/dashboard"
)

const (
	file  = "../../charts/videosdk-auth-endpoint/files/dashboard.json"
	rules = "../../charts/videosdk-auth-endpoint/files/rules.yaml"
	pages = "../../docs/runbooks/"
	// twoPages are as many lines of the grid as two screens of 1080 pixels show below Grafana's own bars.
	twoPages = 50
)

func TestMain(m *testing.M) {
	plugins.RegisterDefaultPlugins() // so that the options of every kind of panel are read strictly
	os.Exit(m.Run())
}

// TestFile: the file that the chart has is the one that this code makes.
func TestFile(t *testing.T) {
	want, err := dashboard.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != string(want) {
		t.Errorf("%s is not what the code makes (%v): run make dashboard", file, err)
	}
}

func TestLint(t *testing.T) {
	content, err := dashboard.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range lint(t, content) {
		t.Error(problem)
	}
}

// TestLintFinds: each rule of the lint finds what is broken on purpose.
func TestLintFinds(t *testing.T) {
	content, err := dashboard.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, problem string }{
		{`"lineWidth": 1`, `"lineWidth": "1"`, "lineWidth"},
		{`"title": "Invalid share"`, `"title": "Signing errors"`, "two panels"},
		{`Tell the authors of a client which of its properties are wrong.`, ``, "no description"},
		{`"unit": "suffix: failures/s"`, `"unit": ""`, "no unit"},
		{`"noValue": "No pods"`, `"noValue": ""`, "nothing to say"},
		{`"sortBy": "Max"`, `"sortBy": "Name"`, "legend"},
		{`"title": "p99 now, highest"`, `"title": "p99, highest"`, "now"},
		{chosenJSON, `namespace=~\"$namespace\"`, "scope"},
		{`"interval": "$scrape_interval"`, `"interval": "15s"`, "scrape interval"},
		{`videosdk_policy_last_reload_successful{` + chosenJSON + `}`, `videosdk_policy_last_reload_successful`, "scope"},
		{`severity=\"critical\"}) or vector`, `severity=\"critical\"} or vector`, "not PromQL"},
		{`[$__rate_interval]`, `[5m]`, "window"},
		{`"value": "percentunit"`, `"value": ""`, "has no unit"},
		{`"uid": "${datasource}"`, `"uid": "prometheus"`, "data source"},
		{`"name": "datasource"`, `"name": "metrics"`, "variable"},
		{`VideosdkSigningErrors.md`, `VideosdkSigningError.md`, "runbook"},
		{`Runbook VideosdkSigningErrors`, `Runbook`, "VideosdkSigningErrors has no panel"},
		{`"collapsed": true`, `"collapsed": false`, "high"},
	} {
		broken := strings.Replace(string(content), c.old, c.new, 1)
		if broken == string(content) {
			t.Errorf("%q is not in the dashboard", c.old)
		}
		if found := strings.Join(lint(t, []byte(broken)), "\n"); !strings.Contains(found, c.problem) {
			t.Errorf("%q in place of %q: found %s, want %q", c.new, c.old, found, c.problem)
		}
	}
}

const chosenJSON = `namespace=~\"$namespace\", app_kubernetes_io_instance=~\"$release\"`

// lint lists what is wrong with a dashboard.
func lint(t *testing.T, content []byte) (problems []string) {
	t.Helper()
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	board, strict := sdk.NewDashboard(), sdk.NewDashboard()
	// Grafana knows the topic of another panel's data, and the SDK does not.
	// The SDK returns an empty list of mistakes as an error too.
	if err := strict.UnmarshalJSONStrict(topic.ReplaceAll(content, nil)); err != nil && err.Error() != "" {
		return []string{"not what Grafana's schema says: " + err.Error()}
	}
	if err := json.Unmarshal(content, board); err != nil { // the strict one leaves the panels out
		t.Fatal(err)
	}
	for _, name := range []string{"datasource", "namespace", "release", "scrape_interval"} {
		if !slices.ContainsFunc(board.Templating.List, func(v sdk.VariableModel) bool { return v.Name == name }) {
			report("there is no variable %q", name)
		}
	}
	for _, v := range board.Templating.List {
		if v.Type == "query" && *v.Datasource.Uid != "${datasource}" {
			report("the variable %q does not ask the data source that the reader chose", v.Name)
		}
	}
	for _, a := range board.Annotations.List {
		if *a.Datasource.Uid != "${datasource}" {
			report("the annotation %q does not ask the data source that the reader chose", a.Name)
		}
		for _, problem := range lintQuery(*a.Expr) {
			report("the annotation %q: %s", a.Name, problem)
		}
	}
	var all []sdk.Panel
	bottom := uint32(0)
	for _, p := range board.Panels {
		if p.RowPanel != nil {
			all = append(all, p.RowPanel.Panels...)
			bottom = max(bottom, p.RowPanel.GridPos.Y+1)
			if !p.RowPanel.Collapsed { // then its panels are not in it
				bottom += height(p.RowPanel.Panels)
			}
		} else {
			all = append(all, *p.Panel)
			bottom = max(bottom, p.Panel.GridPos.Y+p.Panel.GridPos.H)
		}
	}
	if bottom > twoPages {
		report("the dashboard is %d lines high, more than %d", bottom, twoPages)
	}
	titles, linked := map[string]bool{}, map[string][]string{}
	for _, p := range all {
		if titles[*p.Title] {
			report("two panels are called %q", *p.Title)
		}
		titles[*p.Title] = true
		for _, problem := range lintPanel(p) {
			report("%q: %s", *p.Title, problem)
		}
		for _, l := range p.Links {
			alert := strings.TrimPrefix(l.Title, "Runbook ")
			linked[alert] = append(linked[alert], *p.Title)
			if name, ok := strings.CutPrefix(*l.Url, "${docs}/docs/runbooks/"); !ok || !exists(pages+name) {
				report("%q: there is no runbook %s", *p.Title, *l.Url)
			}
		}
	}
	return append(problems, lintAlerts(t, linked)...)
}

var topic = regexp.MustCompile(`"topic": "annotations",\s*`)

func lintPanel(p sdk.Panel) (problems []string) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	defaults := p.FieldConfig.Defaults
	if p.Description == nil || !strings.HasSuffix(*p.Description, ".") {
		report("no description")
	}
	if defaults.NoValue == nil || *defaults.NoValue == "" {
		report("nothing to say where there is no data")
	}
	if p.Type != "table" && (defaults.Unit == nil || *defaults.Unit == "") {
		report("no unit")
	}
	for _, column := range p.FieldConfig.Overrides {
		for _, property := range column.Properties {
			if property.Id == "unit" && property.Value == "" {
				report("the column %v has no unit", column.Matcher.Options)
			}
		}
	}
	if len(p.Targets) == 0 {
		report("it asks for nothing")
	}
	if options, ok := p.Options.(*timeseries.Options); ok {
		if l := options.Legend; l.DisplayMode != "table" || *l.SortBy != "Max" || !*l.SortDesc {
			report("its legend is not sorted by what matters")
		}
	}
	if p.Type == "stat" && !strings.Contains(*p.Title, "now") && !strings.Contains(*p.Title, "left") {
		report("its title does not say that it is about now")
	}
	for _, target := range p.Targets {
		query, ok := target.(*prometheus.Dataquery)
		if !ok {
			continue // another panel's data
		}
		if *p.Datasource.Uid != "${datasource}" || *query.Datasource.Uid != "${datasource}" {
			report("its data source is not the one that the reader chose")
		}
		if query.Interval == nil || *query.Interval != "$scrape_interval" {
			report("it ignores the scrape interval")
		}
		problems = append(problems, lintQuery(query.Expr)...)
	}
	return problems
}

// lintQuery holds every selector to the namespaces and releases that the reader chose, and every rate to the window that
// follows the scrape interval.
func lintQuery(expr string) (problems []string) {
	const window = 77 * time.Second // which nobody would write
	text := strings.NewReplacer("$__rate_interval", window.String(), "$__range", "1h").Replace(expr)
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return []string{"not PromQL: " + err.Error()}
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			// kube-state-metrics knows no releases, and is joined with what is ours
			of := func(label string) bool { return strings.Contains(n.String(), label+`=~"$`) }
			if !of("namespace") || !of("app_kubernetes_io_instance") && !strings.HasPrefix(n.Name, "kube_") {
				problems = append(problems, n.String()+" does not keep to the scope")
			}
		case *parser.Call:
			if strings.HasSuffix(n.Func.Name, "rate") && n.Args[0].(*parser.MatrixSelector).Range != window {
				problems = append(problems, "the window of "+n.String()+" does not follow the scrape interval")
			}
		}
		return nil
	})
	return problems
}

// lintAlerts: each alert has a panel, and its runbook names one of them.
func lintAlerts(t *testing.T, panels map[string][]string) (problems []string) {
	t.Helper()
	content, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(content), -1)
	if len(alerts) < 10 {
		t.Fatalf("%d alerts: the test does not see them", len(alerts))
	}
	for _, alert := range alerts {
		rule := regexp.MustCompile(`- alert: ` + alert[1] + `\n(?:.+\n)*? +runbook: docs/runbooks/` + alert[1] + `\.md`)
		if !rule.Match(content) {
			problems = append(problems, alert[1]+" does not name its runbook")
		}
		runbook, err := os.ReadFile(pages + alert[1] + ".md")
		if err != nil {
			t.Fatal(err)
		}
		named := func(title string) bool { return strings.Contains(string(runbook), "*"+title+"*") }
		if len(panels[alert[1]]) == 0 {
			problems = append(problems, alert[1]+" has no panel")
		} else if !slices.ContainsFunc(panels[alert[1]], named) {
			problems = append(problems, fmt.Sprintf("the runbook of %s names none of its panels %q", alert[1], panels[alert[1]]))
		}
	}
	return problems
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func height(panels []sdk.Panel) uint32 {
	bottom, top := uint32(0), ^uint32(0)
	for _, p := range panels {
		bottom, top = max(bottom, p.GridPos.Y+p.GridPos.H), min(top, p.GridPos.Y)
	}
	return bottom - min(top, bottom)
}
