package ociimage

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// A Spec says what Index builds: one image for each platform.
type Spec struct {
	// Created is the time of all images, in RFC 3339. It is written in UTC. Required.
	Created time.Time `json:"created"`

	// Ref is the tag of the image in its layout, such as "v1.2.3"
	// (org.opencontainers.image.ref.name). Empty means none.
	Ref string `json:"ref,omitempty"`

	// Annotations are set on the index and on each image's manifest.
	Annotations map[string]string `json:"annotations,omitempty"`

	// Platforms has at least one image, in any order.
	Platforms []PlatformSpec `json:"platforms"`
}

// A PlatformSpec describes the image of one platform.
type PlatformSpec struct {
	OS           string `json:"os"`                // a GOOS, such as "linux"
	Architecture string `json:"architecture"`      // a GOARCH, such as "arm64"
	Variant      string `json:"variant,omitempty"` // see NormalizePlatform

	// Base is the image below the layers, or nil. The image inherits the parts of its
	// config that Config does not set.
	Base *BaseSpec `json:"base,omitempty"`

	// Layers are the layers, the lowest first; at least one.
	Layers []LayerSpec `json:"layers"`

	Config ConfigSpec `json:"config"`
}

// A LayerSpec has the names of a layer's two files. Relative names start at the current
// directory.
type LayerSpec struct {
	Tar        string `json:"tar"`        // the gzip layer
	Descriptor string `json:"descriptor"` // the JSON of its LayerDescriptor
}

// A ConfigSpec configures the containers of the image: image-spec v1.1, config.md. Fields
// with their zero value are left out.
type ConfigSpec struct {
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Cmd        []string          `json:"cmd,omitempty"`
	Env        []string          `json:"env,omitempty"`     // "NAME=value", each name once
	User       string            `json:"user,omitempty"`    // "user", "uid", "user:group" or "uid:gid"
	WorkDir    string            `json:"workdir,omitempty"` // absolute
	Labels     map[string]string `json:"labels,omitempty"`
	Ports      []string          `json:"ports,omitempty"` // "8080", "8080/tcp", "53/udp"
}

// ReadSpec reads a Spec from a JSON file and checks it. Unknown fields are errors. The
// error joins all that is wrong.
func ReadSpec(name string) (Spec, error) {
	var s Spec
	if err := jsonfile.Read(name, &s); err != nil {
		return s, fmt.Errorf("reading image spec: %w", err)
	}
	if err := s.check(); err != nil {
		var errs []error
		for _, e := range unjoin(err) {
			errs = append(errs, fmt.Errorf("reading image spec %q: %w", name, e))
		}
		return s, errors.Join(errs...)
	}
	return s, nil
}

func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// refName is the grammar of org.opencontainers.image.ref.name: image-spec v1.1,
// annotations.md.
var refName = regexp.MustCompile(`^[A-Za-z0-9]+(([-._:@+]|--)[A-Za-z0-9]+)*(/[A-Za-z0-9]+(([-._:@+]|--)[A-Za-z0-9]+)*)*$`)

// check joins an error for each thing that is wrong, in the order of the document.
func (s Spec) check() error {
	var errs []error
	if s.Created.IsZero() {
		errs = append(errs, errors.New("created is missing: want a time such as 2026-01-31T12:00:00Z"))
	}
	if s.Ref != "" && !refName.MatchString(s.Ref) {
		errs = append(errs, fmt.Errorf("ref is %q: want letters and digits, separated by one of -._:@+ or by a slash", s.Ref))
	}
	for _, key := range slices.Sorted(maps.Keys(s.Annotations)) {
		switch key {
		case "":
			errs = append(errs, errors.New("annotations: a key is empty"))
		case layout.RefName:
			errs = append(errs, fmt.Errorf("annotations: got %s: set ref instead", key))
		}
	}
	if len(s.Platforms) == 0 {
		errs = append(errs, errors.New("platforms is empty: want at least one"))
	}
	seen := map[string]int{}
	for i, p := range s.Platforms {
		at := fmt.Sprintf("platforms[%d]", i)
		platform, err := p.platform()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		} else if first, ok := seen[platform.String()]; ok {
			errs = append(errs, fmt.Errorf("%s: duplicate platform %s, also at platforms[%d]", at, platform, first))
		} else {
			seen[platform.String()] = i
		}
		for _, err := range p.check() {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	return errors.Join(errs...)
}

func (p PlatformSpec) platform() (v1.Platform, error) {
	return NormalizePlatform(v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant})
}

func (p PlatformSpec) check() []error {
	var errs []error
	if p.Base != nil {
		if err := p.Base.check(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(p.Layers) == 0 {
		errs = append(errs, errors.New("layers is empty: want at least one"))
	}
	for i, l := range p.Layers {
		if l.Tar == "" || l.Descriptor == "" {
			errs = append(errs, fmt.Errorf("layers[%d]: tar is %q and descriptor is %q: want the names of two files", i, l.Tar, l.Descriptor))
		}
	}
	names := map[string]bool{}
	for i, e := range p.Config.Env {
		switch name, _, ok := strings.Cut(e, "="); {
		case !ok || name == "":
			errs = append(errs, fmt.Errorf("config.env[%d] is %q: want NAME=value", i, e))
		case names[name]:
			errs = append(errs, fmt.Errorf("config.env[%d]: duplicate variable %s", i, name))
		default:
			names[name] = true
		}
	}
	if w := p.Config.WorkDir; w != "" && (!path.IsAbs(w) || path.Clean(w) != w) {
		errs = append(errs, fmt.Errorf("config.workdir is %q: want an absolute path without empty, . or .. parts", w))
	}
	ports := map[string]bool{}
	for i, s := range p.Config.Ports {
		switch port, err := normalizePort(s); {
		case err != nil:
			errs = append(errs, fmt.Errorf("config.ports[%d]: %w", i, err))
		case ports[port]:
			errs = append(errs, fmt.Errorf("config.ports[%d]: duplicate port %s", i, port))
		default:
			ports[port] = true
		}
	}
	return errs
}

// normalizePort returns a port with its protocol, which is tcp if s has none.
func normalizePort(s string) (string, error) {
	number, protocol, ok := strings.Cut(s, "/")
	if !ok {
		protocol = "tcp"
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != number || !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
		return "", fmt.Errorf("parsing port %q: want 1 to 65535, optionally with /tcp, /udp or /sctp", s)
	}
	return number + "/" + protocol, nil
}

// config converts c to the library's type.
func (c ConfigSpec) config() (v1.Config, error) {
	cfg := v1.Config{
		Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env,
		User: c.User, WorkingDir: c.WorkDir, Labels: c.Labels,
	}
	for _, s := range c.Ports {
		port, err := normalizePort(s)
		if err != nil {
			return cfg, err
		}
		if cfg.ExposedPorts == nil {
			cfg.ExposedPorts = map[string]struct{}{}
		}
		cfg.ExposedPorts[port] = struct{}{}
	}
	return cfg, nil
}
