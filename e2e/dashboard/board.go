// Package dashboard makes the Grafana dashboard of the chart. rows.go says what it shows, in the order of the screen,
// promql.go has the words of its queries, and panel.go knows what Grafana makes of a panel.
package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"

	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// row is a line of panels under a title; the first has none. A row that is needed rarely is collapsed.
type row struct {
	title     string
	collapsed bool
	panels    []panel
}

const about = "The service that signs Zoom Video SDK tokens. Every release that the data source knows is a line " +
	"of Releases now. Choose Namespace and Release to see one of them alone. The dashboard needs Grafana 11.3.1 or " +
	"newer, and the chart's rules."

// JSON is the file that Grafana reads. The chart puts its own uid, title, docs and scrape_interval into it.
func JSON() ([]byte, error) {
	all := sdk.NewDashboard()
	all.Uid, all.Title, all.Description = new("videosdk-auth-endpoint"), new("Video SDK auth endpoint"), new(about)
	all.Tags, all.SchemaVersion, all.Version = []string{"videosdk-auth-endpoint", "slo"}, 39, new(uint32(1))
	all.Time, all.Refresh = &sdk.DashboardDashboardTime{From: "now-3h", To: "now"}, new("30s")
	all.GraphTooltip = new(sdk.DashboardCursorSyncCrosshair)
	all.Links = []sdk.DashboardLink{
		link("Documentation", "${docs}/docs/observing.md"), link("Runbooks", "${docs}/docs/runbooks"),
	}
	all.Templating.List, all.Annotations.List, all.Panels = variables, annotations, place(rows)
	content, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	return []byte(readable.Replace(string(content)) + "\n"), nil
}

// readable undoes what encoding/json does for the sake of HTML.
var readable = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

var variables = []sdk.VariableModel{
	{
		Type: "datasource", Name: "datasource", Label: new("Metrics"), Query: text("prometheus"),
		Description: new("A Prometheus that scrapes the service."),
	},
	choice("namespace", "Namespace", "label_values(videosdk_build_info, namespace)"),
	choice("release", "Release", `label_values(videosdk_build_info{namespace=~"$namespace"}, app_kubernetes_io_instance)`),
	{
		Type: "textbox", Name: "scrape_interval", Label: new("Scrape interval"), Query: text("30s"),
		Description: new("How often Prometheus scrapes the service. A rate is taken over four of these, so too short a " +
			"time leaves panels empty."),
	},
	// Hidden, because Grafana shows a red error where there is no Tempo. The address can choose one: &var-tracing=UID.
	{Type: "datasource", Name: "tracing", Query: text("tempo"), Hide: new(sdk.VariableHideHideVariable)},
	{Type: "constant", Name: "docs", Query: text("https://docs.invalid"), Hide: new(sdk.VariableHideHideVariable)},
}

func text(s string) *sdk.StringOrMap { return &sdk.StringOrMap{String: &s} }

func choice(name, label, definition string) sdk.VariableModel {
	query := &sdk.StringOrMap{Map: map[string]any{"query": definition, "refId": name}}
	return sdk.VariableModel{
		Type: "query", Name: name, Label: &label, Definition: &definition, Query: query, Datasource: &source,
		Multi: new(true), IncludeAll: new(true), AllValue: new(".*"), // which is also what has no such label
		Refresh: new(sdk.VariableRefreshOnTimeRangeChanged), Sort: new(sdk.VariableSortAlphabeticalAsc),
		Current: &sdk.VariableOption{
			Text:  sdk.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: sdk.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		},
	}
}

// Only what pages is a band; the rest are lines, where an alert begins and where a version appears.
var annotations = []sdk.AnnotationQuery{
	mark("Critical alerts", "red", metric("ALERTS", firing, `severity="critical"`), "{{alertname}}"),
	mark("Warnings", "orange",
		appears("alertname, reason, "+release, metric("ALERTS", firing, `severity="warning"`)), "{{alertname}}"),
	mark("New versions", "blue", appears("version, "+release, metric("videosdk_build_info")), "Version {{version}}"),
}

// appears is there for the first minute of what was not there in the hour before.
func appears(labels, selector string) string {
	group := "group by (" + labels + ") ("
	return group + selector + ") unless " + group + "last_over_time(" + selector + "[1h] offset 1m))"
}

func mark(name, color, expr, title string) sdk.AnnotationQuery {
	return sdk.AnnotationQuery{
		Name: name, Datasource: &source, Enable: true, IconColor: color, Expr: &expr, Step: new("60s"),
		TitleFormat: &title, TextFormat: new("{{namespace}} {{app_kubernetes_io_instance}}"),
	}
}

// place puts the panels on the grid, which is 24 wide. All panels of a line are equally high.
func place(rows []row) []sdk.PanelOrRowPanel {
	ids := map[string]uint32{}
	for _, r := range rows {
		for _, p := range r.panels {
			ids[p.title] = uint32(len(ids) + 1)
		}
	}
	var all []sdk.PanelOrRowPanel
	y := uint32(0)
	for i, r := range rows {
		if r.title != "" {
			at := &sdk.GridPos{Y: y, W: 24, H: 1}
			all = append(all, sdk.PanelOrRowPanel{RowPanel: &sdk.RowPanel{
				Type: "row", Id: uint32(100 + i), Title: &r.title, Collapsed: r.collapsed, GridPos: at, Panels: []sdk.Panel{},
			}})
			y++
		}
		x, below := uint32(0), y
		for _, p := range r.panels {
			if x+p.w > 24 {
				x, below = 0, below+p.h
			}
			built := p.build(ids, sdk.GridPos{X: x, Y: below, W: p.w, H: p.h})
			if r.collapsed {
				line := all[len(all)-1].RowPanel
				line.Panels = append(line.Panels, built)
			} else {
				all = append(all, sdk.PanelOrRowPanel{Panel: &built})
			}
			if x += p.w; x == 24 {
				x, below = 0, below+p.h
			}
		}
		if !r.collapsed {
			y = below
		}
	}
	return all
}
