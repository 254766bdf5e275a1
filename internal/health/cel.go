package health

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// celCost bounds the work of one expression, in cel-go's units of about one step; at the bound it takes some tens of milliseconds.
const celCost = 200_000

var celEnv = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.Variable("self", cel.DynType), ext.Strings(), ext.Lists(), ext.Math(), ext.Sets())
})

type celJudge struct {
	levels  []celLevel // in the order they are asked
	level   cel.Program
	message cel.Program
}

type celLevel struct {
	level   Level
	program cel.Program
}

func compileCEL(r CELRule) (judge, error) {
	j := &celJudge{}
	for _, e := range []struct {
		name, text string
		level      Level
	}{{"failed", r.Failed, Degraded}, {"suspended", r.Suspended, Suspended}, {"inProgress", r.InProgress, Progressing}, {"current", r.Current, Healthy}} {
		if e.text == "" {
			continue
		}
		p, err := compileExpression(e.name, e.text, cel.BoolType)
		if err != nil {
			return nil, err
		}
		j.levels = append(j.levels, celLevel{e.level, p})
	}
	if (r.Level == "") == (len(j.levels) == 0) {
		return nil, errors.New("give either level, or some of current, inProgress, failed and suspended")
	}
	var err error
	if r.Level != "" {
		if j.level, err = compileExpression("level", r.Level, cel.StringType); err != nil {
			return nil, err
		}
	}
	if r.Message != "" {
		if j.message, err = compileExpression("message", r.Message, cel.StringType); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func compileExpression(name, text string, want *cel.Type) (cel.Program, error) {
	env, err := celEnv()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, fmt.Errorf("cel %s: %w", name, issues.Err())
	}
	if t := ast.OutputType(); !t.IsExactType(want) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("cel %s: it gives %s, not %s", name, t, want)
	}
	return env.Program(ast, cel.CostLimit(celCost), cel.EvalOptions(cel.OptOptimize))
}

func (j *celJudge) judge(obj *unstructured.Unstructured, _ time.Time) (Status, error) {
	self := map[string]any{"self": obj.Object}
	level := string(Progressing)
	if j.level != nil {
		l, ok, err := eval[string](j.level, self)
		if err != nil {
			return Status{}, err
		}
		if ok {
			level = l
		}
	}
	for _, l := range j.levels {
		yes, ok, err := eval[bool](l.program, self)
		if err != nil {
			return Status{}, err
		}
		if ok && yes {
			level = string(l.level)
			break
		}
	}
	message := ""
	if j.message != nil {
		// A message that cannot be made leaves the verdict as it is.
		message, _, _ = eval[string](j.message, self)
	}
	return verdict(level, message)
}

// eval runs a program. ok is false when it asked for a field that the object does not have.
func eval[T any](p cel.Program, vars map[string]any) (out T, ok bool, err error) {
	v, _, err := p.Eval(vars)
	if err != nil {
		// cel-go has no type for this error, only the text.
		if strings.Contains(err.Error(), "no such key") {
			return out, false, nil
		}
		return out, false, fmt.Errorf("cel: %w", err)
	}
	out, ok = v.Value().(T)
	if !ok {
		return out, false, fmt.Errorf("cel: it gave %T, not %T", v.Value(), out)
	}
	return out, true, nil
}
