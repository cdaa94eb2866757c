package guard

import (
	"context"
	"fmt"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"videosdk-auth-endpoint/signer"
)

// Explain says which parts of the policy are false for a request that Grant has denied by it, each with its place in
// the policy's text. It is for people who write policies: it evaluates every part, so it takes longer than Grant does.
func (r *Rules) Explain(ctx context.Context, s signer.Signer, c *Caller, request *signer.Request) ([]string, error) {
	grant, err := s.Validate(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	return r.policy.Load().FalseParts(c, grant)
}

// FalseParts are the operands of the policy's outermost && that are false, each with its place in the policy's text.
// The policy must have denied the grant.
func (p *Policy) FalseParts(c *Caller, grant *signer.Grant) ([]string, error) {
	env, err := policyEnv()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.variable, err)
	}
	program, err := env.Program(p.ast, cel.EvalOptions(cel.OptExhaustiveEval), cel.CostLimit(100*maxPolicyCost))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.variable, err)
	}
	_, details, err := program.Eval(facts{c, grant})
	if err != nil {
		return nil, p.failed(err)
	}
	source := p.ast.NativeRep().SourceInfo()
	var parts []string
	for _, operand := range operands(p.ast.NativeRep().Expr()) {
		if value, known := details.State().Value(operand.ID()); !known || value != types.False {
			continue
		}
		text, err := cel.ExprToString(operand, source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.variable, err)
		}
		at := source.GetLocationByOffset(p.start(operand))
		parts = append(parts, fmt.Sprintf("line %d, column %d: %s", at.Line(), at.Column()+1, text))
	}
	return parts, nil
}

// operands are what && joins. CEL makes a tree of a chain of them.
func operands(e ast.Expr) []ast.Expr {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.LogicalAnd {
		return []ast.Expr{e}
	}
	var all []ast.Expr
	for _, argument := range e.AsCall().Args() {
		all = append(all, operands(argument)...)
	}
	return all
}

// start says where the text of an expression begins, as an offset in code points. CEL has the place of an operator for
// what it joins, and of the parenthesis for a call. Therefore the first place of anything in the expression counts, and
// the name in front of it.
func (p *Policy) start(e ast.Expr) int32 {
	source, text := p.ast.NativeRep().SourceInfo(), []rune(p.ast.Source().Content())
	self, _ := source.GetOffsetRange(e.ID())
	first := self.Start
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(part ast.Expr) {
		if at, known := source.GetOffsetRange(part.ID()); known {
			first = min(first, at.Start)
		}
	}))
	for first > 0 && (unicode.IsLetter(text[first-1]) || unicode.IsDigit(text[first-1]) || text[first-1] == '_') {
		first--
	}
	return first
}
