package guard

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"videosdk-auth-endpoint/signer"
)

// facts are what a policy sees.
type facts struct {
	caller *Caller
	grant  *signer.Grant
}

// ResolveName is cel's Activation.
func (f facts) ResolveName(name string) (any, bool) {
	switch name {
	case "caller":
		return f.caller, true
	case "request":
		return f.grant, true
	default:
		return nil, false
	}
}

// Parent is cel's Activation.
func (facts) Parent() interpreter.Activation { return nil }

// maxPolicySize is the longest policy, in code points.
const maxPolicySize = 64 << 10

func policyEnv() (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what it is about
	}
	objects := &objects{registry, map[string]map[string]*types.FieldType{
		"Caller": callerFields, "Request": requestFields(),
	}}
	return cel.NewEnv( //nolint:wrapcheck // the caller says what it is about
		cel.CustomTypeAdapter(objects),
		cel.CustomTypeProvider(objects),
		cel.EnableMacroCallTracking(), // so that a part of a policy can be shown as it was written
		cel.OptionalTypes(),
		// split and lowerAscii: without them a policy would look for a scope by contains(), which other scopes pass
		// too. From version 5 on these functions count towards the cost.
		ext.Strings(ext.StringsVersion(5)),
		cel.ASTValidators(literalTexts{}),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
		cel.ParserExpressionSizeLimit(maxPolicySize),
		cel.Variable("caller", cel.ObjectType("Caller")),
		cel.Variable("request", cel.ObjectType("Request")),
	)
}

// objects makes the fields of caller and request known to CEL, so that a misspelt one is found when the policy is
// compiled. A property that was not sent reads as its zero value, as in protocol buffers; has() tells.
type objects struct {
	*types.Registry
	fields map[string]map[string]*types.FieldType
}

var callerFields = map[string]*types.FieldType{
	"method":  field(cel.StringType, func(c any) (any, bool) { return c.(*Caller).Method.Name, true }),
	"subject": field(cel.StringType, func(c any) (any, bool) { return c.(*Caller).Subject, true }),
	"claims": field(cel.MapType(cel.StringType, cel.DynType), func(c any) (any, bool) {
		return c.(*Caller).Claims, true
	}),
}

func requestFields() map[string]*types.FieldType {
	kinds := map[signer.Type]*cel.Type{
		signer.String: cel.StringType, signer.Integer: cel.IntType, signer.Regions: cel.ListType(cel.StringType),
	}
	fields := map[string]*types.FieldType{
		canonicalSessionName: field(cel.StringType, func(g any) (any, bool) {
			return g.(*signer.Grant).CanonicalSessionName(), true
		}),
	}
	for i, p := range signer.Properties() {
		fields[p.Name] = field(kinds[p.Type], func(g any) (any, bool) { return g.(*signer.Grant).Value(i) })
	}
	return fields
}

// field is a field of that type, by what says its value and whether it is set.
func field(t *cel.Type, value func(target any) (any, bool)) *types.FieldType {
	return &types.FieldType{
		Type:    t,
		IsSet:   func(target any) bool { _, set := value(target); return set },
		GetFrom: func(target any) (any, error) { v, _ := value(target); return v, nil },
	}
}

// canonicalSessionName is a field of request that is not a property: sessionName as Zoom compares it.
const canonicalSessionName = "canonicalSessionName"

// literalTexts makes a policy spell out what replace and join put into a text. Otherwise a caller who chooses both
// texts could turn two claims of 12 KiB into a text of 150 MB before CEL counts the cost.
type literalTexts struct{}

// Name is cel's ASTValidator.
func (literalTexts) Name() string { return "literal_texts" }

// Validate is cel's ASTValidator.
func (literalTexts) Validate(_ *cel.Env, _ cel.ValidatorConfig, a *ast.AST, issues *cel.Issues) {
	for function, argument := range map[string]int{"replace": 1, "join": 0} {
		for _, call := range ast.MatchDescendants(ast.NavigateAST(a), ast.FunctionMatcher(function)) {
			arguments := call.AsCall().Args()
			if len(arguments) > argument && arguments[argument].Kind() != ast.LiteralKind {
				issues.ReportErrorAtID(arguments[argument].ID(),
					"want a text in quotes here: %s may only insert what the policy says", function)
			}
		}
	}
}

// FindStructType is cel's types.Provider.
func (o *objects) FindStructType(name string) (*types.Type, bool) {
	if o.fields[name] != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return o.Registry.FindStructType(name)
}

// FindStructFieldType is cel's types.Provider.
func (o *objects) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if fields, ok := o.fields[name]; ok {
		f, ok := fields[field]
		return f, ok
	}
	return o.Registry.FindStructFieldType(name, field)
}
