//go:build !unix

package main

import "github.com/rogpeppe/go-internal/testscript"

// fifo cannot make a named pipe here.
func fifo(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("no named pipes on this system") }
