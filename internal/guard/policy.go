package guard

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"videosdk-auth-endpoint/signer"
)

// The bounds of a policy: what compiling and evaluating it may take. Cost is CEL's own measure; one unit is about one
// operation, or ten bytes of text looked at.
const (
	maxPolicySize = 64 << 10 // code points
	maxPolicyCost = 10_000
)

// Policy is a CEL expression over caller and request.
type Policy struct {
	program  cel.Program
	ast      *cel.Ast
	variable string
}

// NewPolicy compiles and type-checks the configuration's policy; without one it returns nil. Its error points at the
// mistake.
func NewPolicy(c Config) (*Policy, error) {
	text, variable, err := c.expression()
	if text == "" || err != nil {
		return nil, err
	}
	env, err := policyEnv()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("%s: %s", variable, strings.ReplaceAll(err.Error(), "ERROR: <input>:", "at "))
	}
	// a claim may hold anything, so what it is shows when it comes
	if result := ast.OutputType(); !result.IsExactType(cel.BoolType) && !result.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("%s: want an expression that is true or false, this one is of type %s", variable, result)
	}
	program, err := env.Program(ast, cel.CostLimit(maxPolicyCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return &Policy{program, ast, variable}, nil
}

// Allow evaluates the policy. Its error is a *RefusalError, whose detail names no value.
func (p *Policy) Allow(c *Caller, grant *signer.Grant) error {
	result, _, err := p.program.Eval(facts{c, grant})
	if err != nil {
		return p.failed(err)
	}
	switch result {
	case types.True:
		return nil
	case types.False:
		return refuse(PolicyDenied, "%s is false", p.variable)
	default:
		return refuse(PolicyError, "%s is neither true nor false", p.variable)
	}
}

// failed says where and why the evaluation ended. What CEL says behind a colon may be a value of the request, which the
// log does not have in clear text.
func (p *Policy) failed(err error) *RefusalError {
	text, place := err.Error(), ""
	if strings.Contains(text, "cost limit exceeded") {
		return refuse(PolicyError, "%s costs more than %d", p.variable, maxPolicyCost)
	}
	what, _, _ := strings.Cut(text, ":")
	if at, ok := errors.AsType[*types.Err](err); ok {
		if position := p.ast.NativeRep().SourceInfo().GetStartLocation(at.NodeID()); position.Line() > 0 {
			place = fmt.Sprintf(" at line %d, column %d", position.Line(), position.Column()+1)
		}
	}
	return refuse(PolicyError, "%s can't be evaluated: %s%s", p.variable, what, place)
}

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

func policyEnv() (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what it is about
	}
	objects := &objects{registry, map[string]map[string]*types.FieldType{"Caller": callerFields, "Request": requestFields()}}
	return cel.NewEnv( //nolint:wrapcheck // the caller says what it is about
		cel.CustomTypeAdapter(objects),
		cel.CustomTypeProvider(objects),
		cel.OptionalTypes(),
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
	for i, p := range signer.Properties() {
		t := map[signer.Type]*cel.Type{signer.String: cel.StringType, signer.Integer: cel.IntType, signer.Regions: cel.ListType(cel.StringType)}[p.Type]
		fields[p.Name] = &types.FieldType{
			Type:  t,
			IsSet: func(target any) bool { _, sent := target.(*signer.Grant).Value(i); return sent },
			GetFrom: func(target any) (any, error) {
				value, _ := target.(*signer.Grant).Value(i)
				return value, nil
			},
		}
	}
	return fields
}

// FindStructType is cel's types.Provider.
func (o *objects) FindStructType(name string) (*types.Type, bool) {
	if o.fields[name] != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return o.Registry.FindStructType(name)
}

// FindStructFieldNames is cel's types.Provider.
func (o *objects) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := o.fields[name]
	if !ok {
		return o.Registry.FindStructFieldNames(name)
	}
	var names []string
	for field := range fields {
		names = append(names, field)
	}
	return names, true
}

// FindStructFieldType is cel's types.Provider.
func (o *objects) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if fields, ok := o.fields[name]; ok {
		f, ok := fields[field]
		return f, ok
	}
	return o.Registry.FindStructFieldType(name, field)
}

// NewValue is cel's types.Provider. A policy can't make callers or requests.
func (o *objects) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if o.fields[name] != nil {
		return types.NewErr("a policy can't make a %s", name)
	}
	return o.Registry.NewValue(name, fields)
}
