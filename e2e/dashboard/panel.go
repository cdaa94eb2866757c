package dashboard

import (
	"maps"
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// panel is what this dashboard says about a panel. The rest is the same for all panels of a kind, and is said below.
type panel struct {
	kind, title, about string
	w, h               uint32
	alerts             []string // with a runbook each, linked from the panel
	queries            []query
	look
	empty   string            // is written where there is nothing to show
	colors  map[string]string // of the series by their names; the others have colors of their own
	stacked bool
	columns []column
	sortBy  string
	source  string // the panel whose exemplars a table shows
}

// look says how a value is written.
type look struct {
	unit     string
	decimals *float64
	steps    []step
	says     map[string]state // in place of the value
}

type step struct {
	from  float64
	color string
}

type state struct{ text, color string }

type query struct {
	expr, legend string
	exemplars    bool
}

var source = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

func (p panel) build(ids map[string]uint32, at sdk.GridPos) sdk.Panel {
	defaults := sdk.FieldConfig{NoValue: new(p.empty), Color: &sdk.FieldColor{Mode: "thresholds"}}
	p.apply(&defaults)
	built := sdk.Panel{
		Id: new(ids[p.title]), Type: p.kind, Title: &p.title, Description: &p.about, GridPos: &at,
		Links: p.links(), Datasource: &source,
	}
	switch p.kind {
	case "stat":
		built.Options = p.statOptions()
	case "timeseries":
		defaults.Color.Mode, defaults.Min = "palette-classic-by-name", new(0.0)
		built.Options, defaults.Custom = p.lines()
	case "heatmap":
		built.Options, defaults.Custom = p.buckets(), heatmap.NewFieldConfig()
	case "table":
		options := table.NewOptions()
		options.Footer.Reducer = []string{"sum"}
		options.SortBy = []common.TableSortByFieldState{{DisplayName: p.sortBy, Desc: new(true)}}
		built.Options, defaults.Custom = options, common.TableFieldOptions{Align: "auto"}
		built.Transformations = p.transformations()
	}
	for _, c := range p.columns {
		if c.expr != "" {
			p.queries = append(p.queries, query{expr: c.expr})
		}
	}
	for i, q := range p.queries {
		built.Targets = append(built.Targets, q.target(refID(i), p.kind))
	}
	if p.source != "" {
		built.Datasource = &common.DataSourceRef{Type: new("datasource"), Uid: new("-- Dashboard --")}
		built.Targets = []variants.Dataquery{variants.UnknownDataquery{
			"refId": "A", "datasource": built.Datasource, "panelId": ids[p.source], "topic": "annotations",
			"withTransforms": false,
		}}
	}
	built.FieldConfig = &sdk.FieldConfigSource{Defaults: defaults, Overrides: p.overrides()}
	return built
}

func refID(i int) string { return string(rune('A' + i)) }

func (q query) target(id, kind string) prometheus.Dataquery {
	instant := kind == "stat" || kind == "table"
	format := map[string]prometheus.PromQueryFormat{"table": "table", "heatmap": "heatmap"}[kind]
	if format == "" {
		format = "time_series"
	}
	// Interval is what $__rate_interval is made of: without it Grafana would assume the data source's, which is 15 s.
	return prometheus.Dataquery{
		RefId: &id, Expr: q.expr, LegendFormat: &q.legend, Format: &format, Datasource: &source,
		EditorMode: new(prometheus.QueryEditorModeCode),
		Instant:    &instant, Range: new(!instant), Exemplar: &q.exemplars, Interval: new("$scrape_interval"),
	}
}

// apply writes a look as the properties of a field.
func (l look) apply(f *sdk.FieldConfig) {
	f.Unit, f.Decimals, f.Thresholds, f.Mappings = &l.unit, l.decimals, l.thresholds(), l.mappings()
}

func (l look) thresholds() *sdk.ThresholdsConfig {
	steps := []sdk.Threshold{{Color: "text"}}
	for i, s := range l.steps {
		if i == 0 {
			steps[0].Color = s.color // from minus infinity
			continue
		}
		steps = append(steps, sdk.Threshold{Value: new(s.from), Color: s.color})
	}
	return &sdk.ThresholdsConfig{Mode: "absolute", Steps: steps}
}

func (l look) mappings() []sdk.ValueMapping {
	if l.says == nil {
		return nil
	}
	results := map[string]sdk.ValueMappingResult{}
	for value, s := range l.says {
		results[value] = sdk.ValueMappingResult{Text: new(s.text), Color: new(s.color)}
	}
	return []sdk.ValueMapping{{ValueMap: &sdk.ValueMap{Type: "value", Options: results}}}
}

func (p panel) statOptions() *stat.Options {
	options := stat.NewOptions()
	options.GraphMode, options.TextMode, options.JustifyMode = "none", "auto", "center"
	options.ReduceOptions.Calcs = []string{"lastNotNull"}
	options.Text = &common.VizTextDisplayOptions{TitleSize: new(14.0), ValueSize: new(24.0)}
	options.Orientation = "auto"
	return options
}

func (p panel) lines() (*timeseries.Options, timeseries.FieldConfig) {
	options := timeseries.NewOptions()
	options.Tooltip = common.VizTooltipOptions{Mode: "multi", Sort: "desc"}
	options.Legend = common.VizLegendOptions{
		DisplayMode: "table", Placement: "right", ShowLegend: true, Calcs: []string{"lastNotNull", "max"},
		SortBy: new("Max"), SortDesc: new(true),
	}
	config := timeseries.FieldConfig{
		DrawStyle: new(common.GraphDrawStyleLine), LineWidth: new(1.0), FillOpacity: new(8.0),
		ShowPoints:      new(common.VisibilityModeNever),
		ThresholdsStyle: &common.GraphThresholdsStyleConfig{Mode: "off"},
		Stacking:        &common.StackingConfig{Mode: new(common.StackingModeNone)},
	}
	if p.stacked {
		config.FillOpacity, config.Stacking.Mode, config.Stacking.Group = new(25.0), new(common.StackingModeNormal), new("A")
	}
	if len(p.steps) > 0 {
		config.ThresholdsStyle.Mode = "dashed"
	}
	return options, config
}

func (p panel) buckets() *heatmap.Options {
	options := heatmap.NewOptions()
	options.Color.Mode = new(heatmap.HeatmapColorModeScheme)
	options.Color.Scale = new(heatmap.HeatmapColorScaleExponential)
	options.YAxis.Unit, options.YAxis.AxisPlacement = new(p.unit), new(common.AxisPlacementLeft)
	options.CellValues, options.ShowValue = &heatmap.CellValues{Unit: new("short")}, "never"
	options.Exemplars.Color = "rgba(0,160,255,0.9)"
	return options
}

// overrides color series, and give columns their looks.
func (p panel) overrides() []sdk.DashboardFieldConfigSourceOverrides {
	all := []sdk.DashboardFieldConfigSourceOverrides{}
	for _, name := range slices.Sorted(maps.Keys(p.colors)) {
		color := map[string]string{"mode": "fixed", "fixedColor": p.colors[name]}
		all = append(all, named(name, sdk.DynamicConfigValue{Id: "color", Value: color}))
	}
	for _, c := range p.columns {
		all = append(all, c.overrides())
	}
	return all
}

// named overrides properties of the series or column of that name.
func named(name string, properties ...sdk.DynamicConfigValue) sdk.DashboardFieldConfigSourceOverrides {
	matcher := sdk.MatcherConfig{Id: "byName", Options: name}
	return sdk.DashboardFieldConfigSourceOverrides{Matcher: matcher, Properties: properties}
}

func (p panel) links() []sdk.DashboardLink {
	var all []sdk.DashboardLink
	for _, alert := range p.alerts {
		all = append(all, link("Runbook "+alert, "${docs}/docs/runbooks/"+alert+".md"))
	}
	return all
}

func link(title, url string) sdk.DashboardLink {
	return sdk.DashboardLink{Title: title, Type: "link", Icon: "doc", Url: &url, TargetBlank: true, Tags: []string{}}
}
