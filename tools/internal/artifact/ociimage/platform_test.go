package ociimage

import "testing"

func TestParsePlatform(t *testing.T) {
	for _, tc := range []struct{ in, want, err string }{
		{in: "linux/amd64", want: "linux/amd64"},
		{in: "linux/amd64/v1", want: "linux/amd64"},
		{in: "linux/amd64/v3", want: "linux/amd64/v3"},
		{in: "linux/arm64", want: "linux/arm64/v8"},
		{in: "linux/arm64/8", want: "linux/arm64/v8"},
		{in: "linux/arm64/v8", want: "linux/arm64/v8"},
		{in: "linux/arm64/v9", want: "linux/arm64/v9"},
		{in: "linux/arm", want: "linux/arm/v7"},
		{in: "linux/arm/7", want: "linux/arm/v7"},
		{in: "linux/arm/6", want: "linux/arm/v6"},
		{in: "linux/s390x", want: "linux/s390x"},
		{in: "windows/amd64", want: "windows/amd64"},
		{in: "linux", err: "want os/architecture"},
		{in: "", err: "want os/architecture"},
		{in: "linux/", err: "architecture is missing"},
		{in: "/amd64", err: "os is missing"},
		{in: "linux/amd64/", err: "variant is empty"},
		{in: "linux/amd64/v1/x", err: "want os/architecture"},
		{in: "linux/x86_64", err: `architecture is "x86_64", want "amd64"`},
		{in: "linux/aarch64", err: `architecture is "aarch64", want "arm64"`},
		{in: "macos/arm64", err: `os is "macos", want "darwin"`},
		{in: "Linux/amd64", err: `"Linux" has a character`},
		{in: "linux/amd64 ", err: `"amd64 " has a character`},
	} {
		t.Run(tc.in, func(t *testing.T) {
			p, err := ParsePlatform(tc.in)
			wantError(t, err, tc.err)
			if err == nil && p.String() != tc.want {
				t.Errorf("got %s, want %s", p, tc.want)
			}
		})
	}
}
