package license

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/spdx"
)

const again = ", and run tools/bazel run //release:resolve"

// Apply sets the licences of components that are exceptions in the policy, which may be nil.
// It returns an error for each other one that has no licence file, or that has a licence
// which the policy does not allow.
func Apply(all []Component, policy *lock.Licenses) error {
	var errs []error
	for i := range all {
		c := &all[i]
		if e, ok := policy.Exception(c.names...); ok {
			c.Why = e.Why
			if e.License != "" {
				c.License = e.License
			}
			continue
		}
		if err := c.check(policy); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// check returns what is wrong with a component that is no exception.
func (c *Component) check(policy *lock.Licenses) error {
	name := c.Name
	if c.Type == Deb || c.Type == APK || c.Type == RPM {
		name = c.Type + "/" + c.Name
	}
	exception := fmt.Sprintf("an exception for %q with license and why", name)
	switch {
	case c.Type == Ready:
		err := fmt.Errorf("%s %q: it is no Go program, so nothing says under which licence it is: %s", c.kind(), c.Name, c.where())
		return hint.With(err, "add %s to licenses in the manifest%s", exception, again)
	case len(c.Files) == 0 && c.Type != APK && c.Type != RPM: // these say their licence in the database
		err := fmt.Errorf("%s %s: it has no licence file: %s", c.kind(), c, c.where())
		return hint.With(err, "add %s to licenses in the manifest%s", exception, again)
	case policy == nil || len(policy.Allow) == 0:
		return nil
	}
	e, err := spdx.Parse(c.License)
	if err != nil {
		err := fmt.Errorf("%s %s: its licence could not be identified%s: %s", c.kind(), c, c.files(spdx.NoAssertion), c.where())
		return hint.With(err, "read it, and add %s to licenses in the manifest%s", exception, again)
	}
	missing := e.Allowed(policy.Allow)
	if len(missing) == 0 {
		return nil
	}
	err = fmt.Errorf("%s %s: licence %s%s is not allowed: %s", c.kind(), c, c.License, c.files(missing...), c.where())
	return hint.With(err, "add %s to licenses: allow: in the manifest, or %s%s", strings.Join(missing, ", "), exception, again)
}

// where says where a component is.
func (c *Component) where() string {
	if len(c.In) == 0 {
		return "it is a pinned source"
	}
	verb := "it is linked into "
	if c.Type != Module {
		verb = "it is in "
	}
	if n := len(c.In) - 1; n > 0 {
		return fmt.Sprintf("%s%q and %d more", verb, c.In[0], n)
	}
	return fmt.Sprintf("%s%q", verb, c.In[0])
}

// files names the files in which the licences were found.
func (c *Component) files(ids ...string) string {
	var names []string
	for _, f := range c.Files {
		for _, id := range ids {
			if isGrant(f.Path) && strings.Contains(f.License, id) {
				names = append(names, f.Path)
				break
			}
		}
	}
	if names == nil {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}
