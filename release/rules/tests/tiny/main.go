// Tiny is the program that the tests of platforms link.
package main

func main() { println("tiny") }
