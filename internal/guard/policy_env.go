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
	"method":  callerField(cel.StringType, func(c *Caller) any { return c.Method.Name }),
	"subject": callerField(cel.StringType, func(c *Caller) any { return c.Subject }),
	"claims":  callerField(cel.MapType(cel.StringType, cel.DynType), func(c *Caller) any { return c.Claims }),
}

func callerField(t *cel.Type, get func(*Caller) any) *types.FieldType {
	return &types.FieldType{
		Type:    t,
		IsSet:   func(any) bool { return true },
		GetFrom: func(target any) (any, error) { return get(target.(*Caller)), nil },
	}
}

func requestFields() map[string]*types.FieldType {
	fields := map[string]*types.FieldType{}
	kinds := map[signer.Type]*cel.Type{
		signer.String: cel.StringType, signer.Integer: cel.IntType, signer.Regions: cel.ListType(cel.StringType),
	}
	for i, p := range signer.Properties() {
		fields[p.Name] = &types.FieldType{
			Type:  kinds[p.Type],
			IsSet: func(target any) bool { _, sent := target.(*signer.Grant).Value(i); return sent },
			GetFrom: func(target any) (any, error) {
				value, _ := target.(*signer.Grant).Value(i)
				return value, nil
			},
		}
	}
	fields[canonicalSessionName] = &types.FieldType{
		Type:    cel.StringType,
		IsSet:   func(any) bool { return true },
		GetFrom: func(target any) (any, error) { return target.(*signer.Grant).CanonicalSessionName(), nil },
	}
	return fields
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
