// Package transform changes a rendered set before it becomes a bundle: an ordered list of steps, each Set → Set. A step
// never changes what it was given; it copies the objects that it edits.
package transform

import (
	"context"

	"plumb.cd/plumb/internal/object"
)

// Object is one rendered object. Its fields are those of a bundle's entry.
type Object struct {
	Body   map[string]any
	Origin object.Origin
	Random []string
}

// Step is one transformation. Errors are *fault.Error.
type Step interface {
	Apply(ctx context.Context, objects []Object) ([]Object, error)
}

// Run applies the steps in order.
func Run(ctx context.Context, objects []Object, steps []Step) ([]Object, error) {
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if objects, err = s.Apply(ctx, objects); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// each is a step that edits one object at a time.
type each func(Object) (Object, error)

func (f each) Apply(ctx context.Context, objects []Object) ([]Object, error) {
	out := make([]Object, len(objects))
	for i, o := range objects {
		if i%1000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var err error
		if out[i], err = f(o); err != nil {
			return nil, err
		}
	}
	return out, nil
}
