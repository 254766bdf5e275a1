// Package worker runs renderers in warm child processes of the same binary.
//
// A Pool is a render.Renderer: it hands each request to an idle child, serves the child's reads out of the caller's
// Files (whose trace is therefore complete), and kills the child when it takes too long or too much memory, when the
// caller gives up, or when the child may be spoilt for the next. Main is the child's side. A child has no network, no
// files, no environment and no other process; what Linux offers for that is used.
package worker
