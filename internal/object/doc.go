// Package object is the vocabulary that every stage shares: which object (ID), its bytes in one canonical form
// (Canonical, Digest), who owns it (Owner), and how two states of it differ (Diff).
//
// Nothing here does I/O, and nothing here knows the other packages.
package object
