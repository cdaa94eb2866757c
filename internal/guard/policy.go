package guard

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"videosdk-auth-endpoint/signer"
)

// maxPolicyCost bounds what evaluating a policy may take. Cost is CEL's own measure: one unit is about one operation,
// or ten bytes of text looked at.
const maxPolicyCost = 10_000

// Policy is a CEL expression over caller and request.
type Policy struct {
	program  cel.Program
	ast      *cel.Ast
	variable string
}

// NewPolicy compiles and type-checks the text of a policy. Its error points at the mistake, and names the variable that
// the text is from.
func NewPolicy(variable, text string) (*Policy, error) {
	env, err := policyEnv()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("%s: %s", variable, strings.ReplaceAll(err.Error(), "ERROR: <input>:", "at "))
	}
	// a claim may hold anything, so its type is known only when the policy is evaluated
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

// failures are the beginnings of CEL's errors that quote no value. Others may quote a name, as that of timestamp()
// does.
var failures = []string{
	"no such key", "no such overload", "no such attribute", "division by zero", "modulus by zero", "integer overflow",
	"unsigned integer overflow", "index out of bounds", "index out of range", "unsupported index type",
	"optional.none() dereference", "type conversion error", "range error",
}

// failed says where and why the evaluation ended. CEL's own text may quote a value of the request, which the log must
// not have in clear text with LOG_HASH_KEY.
func (p *Policy) failed(err error) *RefusalError {
	text, place := err.Error(), ""
	if strings.Contains(text, "cost limit exceeded") {
		return refuse(PolicyError, "%s costs more than %d", p.variable, maxPolicyCost)
	}
	what := "an operation is not possible with these values"
	for _, known := range failures {
		if strings.HasPrefix(text, known) {
			what = known
		}
	}
	if at, ok := errors.AsType[*types.Err](err); ok {
		if position := p.ast.NativeRep().SourceInfo().GetStartLocation(at.NodeID()); position.Line() > 0 {
			place = fmt.Sprintf(" at line %d, column %d", position.Line(), position.Column()+1)
		}
	}
	return refuse(PolicyError, "%s can't be evaluated: %s%s", p.variable, what, place)
}

// reads says whether the policy reads that field of the variable, as in caller.method, or of anything where no variable
// is named. It doesn't see a field that is read in another way, such as through a list that holds the caller.
func (p *Policy) reads(variable, field string) bool {
	return len(ast.MatchDescendants(ast.NavigateAST(p.ast.NativeRep()), func(e ast.NavigableExpr) bool {
		if e.Kind() != ast.SelectKind || e.AsSelect().FieldName() != field {
			return false
		}
		of := e.AsSelect().Operand()
		return variable == "" || of.Kind() == ast.IdentKind && of.AsIdent() == variable
	})) > 0
}
