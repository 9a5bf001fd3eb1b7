package lock_test

import (
	"bytes"
	"fmt"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

func ExampleParse() {
	data, err := os.ReadFile("testdata/lock.golden")
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := lock.Parse("lock.json", data)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, _ := l.Find("b")
	fmt.Println(b.Origin(), b.Revision())

	// An entry that was edited no longer has the digest that it was sealed with.
	_, err = lock.Parse("lock.json", bytes.Replace(data, []byte("v1.0.0"), []byte("v1.0.1"), 1))
	fmt.Println(err)
	// Output:
	// example.com/b v1.0.0
	// reading lock "lock.json": lock entry "b": digest of the entry: got sha256:128f65bc795be9397d54d408ec4a77085d571a5b6fb5b888c858e6732dd635dc, want sha256:09b7b23ac62190fddd5d5f8364be77f050418246eb0d479f0e3fc01676d5672c
}
