// Package channel watches Channels and their Secrets, tells the courier about them, and writes what it says into their
// status.
package channel
