package license

import (
	"os"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/spdx"
)

const mit = `MIT License

Copyright (c) 2020 The Authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`

// isc is a licence that differs from the other only in its words.
const isc = `Copyright (c) 2020 The Authors

Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
`

// views is the licence BSD-2-Clause with another paragraph, which has a name of its own.
const views = `Copyright (c) 2020 The Authors. All rights reserved.

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this
list of conditions and the following disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice,
this list of conditions and the following disclaimer in the documentation
and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE AUTHORS "AS IS" AND ANY EXPRESS OR IMPLIED
WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO
EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT,
INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING,
BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE,
DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF
LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE
OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF
ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.

The views and conclusions contained in the software and documentation are those
of the authors and should not be interpreted as representing official policies,
either expressed or implied, of the Authors.
`

func TestIdentify(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"one", mit, "MIT"},
		{"two", mit + "\n" + isc, "ISC AND MIT"},
		{"twice", mit + "\n" + mit, "MIT"},
		{"a variant of a common one", views, "BSD-2-Clause-Views"},
		{"CRLF", strings.ReplaceAll(mit, "\n", "\r\n"), "MIT"},
		{"empty", "", spdx.NoAssertion},
		{"no licence", "All rights reserved.\n", spdx.NoAssertion},
		{"mostly something else", strings.Repeat("The quick brown fox jumps over the lazy dog. ", 100) + mit, spdx.NoAssertion},
		{"the preamble alone", preamble, spdx.NoAssertion},
		{"not UTF-8", "\xff\xfe" + mit, "MIT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, coverage := Identify([]byte(tt.text))
			if got != tt.want || coverage < 0 || coverage > 100 {
				t.Errorf("got %s, coverage %.1f %%, want %s", got, coverage, tt.want)
			}
		})
	}
}

// TestIdentifyOwn: the project's own licence.
func TestIdentifyOwn(t *testing.T) {
	text, err := os.ReadFile("../../../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if got, coverage := Identify(text); got != "Apache-2.0" || coverage < commonCoverage {
		t.Errorf("got %s, coverage %.1f %%, want Apache-2.0", got, coverage)
	}
}

func TestExpression(t *testing.T) {
	for _, tt := range []struct {
		files []File
		want  string
	}{
		{nil, spdx.NoAssertion},
		{[]File{{Path: "LICENSE", License: "MIT"}}, "MIT"},
		{[]File{{Path: "LICENSE", License: "MIT"}, {Path: "sub/COPYING.txt", License: "ISC"}}, "ISC AND MIT"},
		{[]File{{Path: "LICENSE", License: "MIT"}, {Path: "PATENTS", License: spdx.NoAssertion}, {Path: "AUTHORS", License: spdx.NoAssertion}}, "MIT"},
		{[]File{{Path: "LICENSE", License: "MIT"}, {Path: "LICENSE.other", License: spdx.NoAssertion}}, spdx.NoAssertion},
		{[]File{{Path: "NOTICE", License: spdx.NoAssertion}}, spdx.NoAssertion},
	} {
		if got := expression(tt.files); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.files, got, tt.want)
		}
	}
}

func TestDebLicense(t *testing.T) {
	const head = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
	for _, tt := range []struct{ text, want string }{
		{head + "Files: *\nCopyright: me\nLicense: GPL-2+\n text\n\nFiles: debian/*\nLicense: Expat\n", "GPL-2.0-or-later AND MIT"},
		{head + "Files: *\nLicense: GPL-2 or Artistic\n\nLicense: Artistic\n text\n", "GPL-2.0-only OR Artistic-1.0-Perl"},
		{head + "Files: *\nLicense: LGPL-2.1+, and BSD-3-clause\n", "BSD-3-Clause AND LGPL-2.1-or-later"},
		{head + "Files: *\nLicense: GPL-3+ with GCC exception\n", "LicenseRef-GPL-3--with-GCC-exception"},
		{head + "Files: *\nLicense: public-domain\n", "LicenseRef-public-domain"},
		{head + "Files: *\nLicense:\n", spdx.NoAssertion},
		{head, spdx.NoAssertion},
		{"This package was debianized by me.\n", spdx.NoAssertion},
		{mit, "MIT"},
	} {
		if got := debLicense([]byte(tt.text)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// FuzzDebLicense: whatever a copyright file has, the result is an expression.
func FuzzDebLicense(f *testing.F) {
	f.Add("Format: copyright-format\n\nFiles: *\nLicense: GPL-2+ or (MIT and x), y with z\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got := debExpression(text); got != "" {
			if _, err := spdx.Parse(got); err != nil && len(got) < spdx.MaxLength {
				t.Logf("%q: %v", text, err) // and debLicense returns NOASSERTION
			}
		}
		for _, p := range stanzas([]byte(text), apkField) {
			if len(p) == 0 {
				t.Error("a paragraph has no field")
			}
		}
	})
}

// FuzzIdentify: what is found in a text is an expression.
func FuzzIdentify(f *testing.F) {
	f.Add([]byte("Permission is hereby granted, free of charge, to any person obtaining a copy"))
	f.Add([]byte("SPDX-License-Identifier: Apache-2.0 OR MIT\n"))
	f.Add([]byte("Licensed under the Apache License, Version 2.0 (the \"License\")\n\x00\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, coverage := Identify(text)
		if _, err := spdx.Parse(got); err != nil && got != spdx.NoAssertion || coverage < 0 || coverage > 100 {
			t.Errorf("got %q, %f: %v", got, coverage, err)
		}
	})
}
