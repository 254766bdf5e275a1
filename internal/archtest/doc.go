// Package archtest holds the tests that keep the shape of the code: who may import whom (table_test.go), what pure
// packages may not do, and how long files and functions may get.
package archtest
