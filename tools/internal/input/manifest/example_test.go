package manifest_test

import (
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

func ExampleParse() {
	m, err := manifest.Parse("manifest.yaml", []byte(`
version: 1.2.0
dependencies:
  hello:
    primary: true
    git: https://git.example/hello
    branch: main
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Version, m.Primary().Name, m.Primary().Branch)

	_, err = manifest.Parse("manifest.yaml", []byte("version: 1.2.0\ndependencies:\n  hello:\n    primary: yes\n"))
	fmt.Println(err)
	// Output:
	// 1.2.0 hello main
	// manifest.yaml:3:3: dependency "hello": no source, want one of git, localpath, module
	// manifest.yaml:4:14: dependency "hello": primary: got "yes", want true or false
}
