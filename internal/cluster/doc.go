// Package cluster is the only user of client-go: it connects to one API server, knows its kinds, watches, reads and
// writes. It decides nothing. Every error that it returns is a *fault.Error (classify.go), with the object as Where; an
// absent object has object.ErrNotFound in the chain.
//
// connect.go opens a Cluster; kinds.go knows what the server serves; write.go, own.go and read.go are the requests;
// watch.go is the one standing watch per kind; limit.go keeps the number of requests in flight at what the server bears.
package cluster
