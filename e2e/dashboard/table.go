package dashboard

import (
	"cmp"

	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// column of a table: a label, or what expr says about the labels.
type column struct {
	name, field, expr string // field is the label where that has another name
	look
	background bool
	link       string
}

// overrides give a column its look.
func (c column) overrides() sdk.DashboardFieldConfigSourceOverrides {
	cell := map[string]string{"type": "color-text"}
	if c.background {
		cell = map[string]string{"type": "color-background", "mode": "basic"}
	}
	properties := []sdk.DynamicConfigValue{
		{Id: "unit", Value: c.unit}, {Id: "thresholds", Value: c.thresholds()}, {Id: "custom.cellOptions", Value: cell},
	}
	if c.decimals != nil {
		properties = append(properties, sdk.DynamicConfigValue{Id: "decimals", Value: c.decimals})
	}
	if c.says != nil {
		properties = append(properties, sdk.DynamicConfigValue{Id: "mappings", Value: c.mappings()})
	}
	if c.link != "" {
		properties = append(properties, sdk.DynamicConfigValue{Id: "links", Value: []sdk.DashboardLink{link(c.name, c.link)}})
	}
	return named(c.name, properties...)
}

// transformations make one row of what several queries say about the same labels, with the columns in their order.
func (p panel) transformations() []sdk.DataTransformerConfig {
	values, fields, names, places := p.values(), []string{}, map[string]string{}, map[string]int{}
	for i, c := range p.columns {
		field := cmp.Or(c.field, c.name)
		if c.expr != "" {
			field, values = values[0], values[1:]
		}
		fields = append(fields, field)
		names[field], places[field] = c.name, i
	}
	join := sdk.DataTransformerConfig{Id: "merge", Options: map[string]any{}}
	if p.source != "" {
		join = sdk.DataTransformerConfig{Id: "filterByRefId", Options: map[string]any{"include": "C"}}
	}
	return []sdk.DataTransformerConfig{
		join,
		{Id: "filterFieldsByName", Options: map[string]any{"include": map[string]any{"names": fields}}},
		{Id: "organize", Options: map[string]any{"indexByName": places, "renameByName": names}},
	}
}

// values are the names that Grafana gives to the values of a table's queries.
func (p panel) values() []string {
	var all []string
	for _, c := range p.columns {
		if c.expr != "" {
			all = append(all, "Value #"+refID(len(all)))
		}
	}
	if len(all) == 1 {
		return []string{"Value"}
	}
	return all
}
