// Package index holds the Apps of an installation as rows of a list, and answers from memory what a console asks: pages,
// facets, the wall, causes that Apps share, what changed since. It is fed one App at a time. It is pure: the time is an
// argument, and who may see what is given as a set of namespaces.
package index
