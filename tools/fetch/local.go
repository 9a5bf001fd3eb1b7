package main

import (
	"errors"

	"github.com/jasonwzm/release-builder/tools/internal/lock"
)

func (f *fetcher) unpackLocal(dep *lock.Dependency, base, out string) error {
	return errors.New("TODO")
}
