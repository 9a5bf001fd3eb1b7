// Apkclient installs packages from a repository of Alpine Linux into an empty directory, with
// the package manager of apko (https://github.com/chainguard-dev/apko). It checks the signature
// of the index and the digests of the packages, and resolves dependencies as apk does.
//
//	apkclient DIR ARCH REPOSITORY KEY PACKAGE…
//
// KEY is the file of the repository's public key. It prints NAME VERSION of each installed
// package. It is a module of its own, so that the project does not depend on apko; the tests
// of pkgrepo find it as a reader: go build -o DIR/apkclient, and RELEASE_READERS=DIR.
package main

import (
	"context"
	"fmt"
	"os"

	"chainguard.dev/apko/pkg/apk/apk"
	"chainguard.dev/apko/pkg/apk/fs"
)

func main() {
	if len(os.Args) < 6 {
		fmt.Fprintln(os.Stderr, "usage: apkclient DIR ARCH REPOSITORY KEY PACKAGE…")
		os.Exit(2)
	}
	if err := install(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5:]); err != nil {
		fmt.Fprintln(os.Stderr, "apkclient:", err)
		os.Exit(1)
	}
}

func install(ctx context.Context, dir, arch, repository, key string, packages []string) error {
	a, err := apk.New(ctx, apk.WithFS(fs.DirFS(ctx, dir)), apk.WithArch(arch), apk.WithIgnoreMknodErrors(true))
	if err != nil {
		return err
	}
	if err := a.InitDB(ctx); err != nil {
		return fmt.Errorf("making the database: %w", err)
	}
	if err := a.InitKeyring(ctx, []string{key}, nil); err != nil {
		return fmt.Errorf("installing the key: %w", err)
	}
	if err := a.SetRepositories(ctx, []string{repository}); err != nil {
		return err
	}
	if err := a.SetWorld(ctx, packages); err != nil {
		return err
	}
	if _, err := a.FixateWorld(ctx, nil); err != nil {
		return fmt.Errorf("installing: %w", err)
	}
	installed, err := a.GetInstalled()
	if err != nil {
		return err
	}
	for _, p := range installed {
		fmt.Println(p.Name, p.Version)
	}
	return nil
}
