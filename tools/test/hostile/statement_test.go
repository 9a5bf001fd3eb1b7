//go:build linux

package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/vex"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/validate"
	"github.com/jasonwzm/release-builder/tools/internal/testing/pgptest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// armoredOf returns packets in armor.
func armoredOf(p *prep, kind string, packets ...[]byte) []byte {
	p.Helper()
	var b bytes.Buffer
	w, err := armor.Encode(&b, kind, nil)
	if err == nil {
		_, err = w.Write(bytes.Join(packets, nil))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		p.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

// pgpPacket returns a packet with a size as it is said (RFC 9580, section 4.2.1).
func pgpPacket(tag byte, size uint32, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 0xff}, size), data...)
}

// rsaKey returns a public key with a modulus of ones.
func rsaKey(bits int) []byte {
	body := append([]byte{4, 0, 0, 0, 0, 1}, byte(bits>>8), byte(bits))
	body = append(body, bytes.Repeat([]byte{0xff}, bits/8)...)
	body = append(body, 0, 17, 1, 0, 1)
	return pgpPacket(6, uint32(len(body)), body)
}

// rsaSignature returns a signature of a kind with numbers of a size, by an unknown key.
func rsaSignature(kind byte, bits int) []byte {
	body := append([]byte{4, kind, 1, 8, 0, 6, 5, 2, 0, 0, 0, 1, 0, 10, 9, 16, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0}, byte(bits>>8), byte(bits))
	body = append(body, bytes.Repeat([]byte{0xff}, bits/8)...)
	return pgpPacket(2, uint32(len(body)), body)
}

// keys are hostile OpenPGP keys and signatures.
func keys() []hazard {
	var all []hazard
	const public = "PGP PUBLIC KEY BLOCK"
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(name, want string, make func(p *prep) []byte) {
		all = append(all, hazard{
			name: "key: " + name, want: want,
			prepare: func(p *prep) { p.file("key.asc", make(p)) },
			feed: func(c *cell) error {
				_, err := openpgp.Load(openpgp.LoadArgs{Key: c.in("key.asc"), Env: os.Getenv, Now: now})
				return err
			},
		})
	}
	add("empty", `reading the signing key "{base}/in/key.asc": no armored OpenPGP key in it`, func(*prep) []byte { return nil })
	add("large", `key.asc": file has more than 1048576 bytes`, func(*prep) []byte { return make([]byte, 2<<20) })
	add("binary", `no armored OpenPGP key in it`, func(p *prep) []byte { return rsaKey(2048) })
	add("public", `got public keys only`, func(p *prep) []byte {
		return []byte(pgptest.Public(p, pgptest.Secret(p, pgptest.Args{Created: now.AddDate(-1, 0, 0)})))
	})
	add("cut", `reading the signing key`, func(p *prep) []byte {
		return []byte(pgptest.Secret(p, pgptest.Args{Created: now.AddDate(-1, 0, 0)})[:300])
	})
	add("expired", `it has expired`, func(p *prep) []byte {
		return []byte(pgptest.Secret(p, pgptest.Args{Created: now.AddDate(-1, 0, 0), Lifetime: time.Hour}))
	})
	add("many blocks", `reading the signing key`, func(p *prep) []byte {
		return bytes.Repeat([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), 28_000)
	})
	add("many keys", `reading the signing key`, func(p *prep) []byte {
		return armoredOf(p, public, bytes.Repeat(rsaKey(1024), 4_000))
	})
	add("huge packet", `reading the signing key`, func(p *prep) []byte { return armoredOf(p, public, pgpPacket(6, 1<<32-1, []byte{4})) })
	add("huge attribute", `reading the signing key`, func(p *prep) []byte {
		return armoredOf(p, public, rsaKey(1024), pgpPacket(17, 1<<32-1, []byte{0xff, 0xff, 0xff, 0xff, 0xff}))
	})
	add("wide numbers", `reading the signing key`, func(p *prep) []byte {
		user := pgpPacket(13, 4, []byte("Demo"))
		var packets [][]byte
		for range 20 {
			packets = append(packets, rsaKey(65528), user, rsaSignature(0x13, 65528))
		}
		return armoredOf(p, public, packets...)
	})
	add("escape codes in armor", `reading the signing key`, func(*prep) []byte {
		return []byte("-----BEGIN PGP \x1b[2J-----\n\nx\n-----END PGP \x1b[2J-----\n")
	})
	add("long kind", `reading the signing key`, func(*prep) []byte {
		return []byte("-----BEGIN PGP " + strings.Repeat("a", 1<<19) + "-----\n\nx\n")
	})

	signature := func(name, want string, make func(p *prep) []byte) {
		all = append(all, hazard{
			name: "signature: " + name, want: want,
			prepare: func(p *prep) {
				p.file("key.asc", []byte(pgptest.Secret(p, pgptest.Args{Created: now.AddDate(-1, 0, 0)})))
				p.file("text.asc", make(p))
			},
			feed: func(c *cell) error {
				key, err := openpgp.Load(openpgp.LoadArgs{Key: c.in("key.asc"), Env: os.Getenv, Now: now})
				if err != nil {
					return err
				}
				data, err := os.ReadFile(c.in("text.asc"))
				if err == nil {
					_, err = key.Ring.Verify([]byte("text"), data, now)
				}
				return err
			},
		})
	}
	const detached = "PGP SIGNATURE"
	signature("empty", "reading the signature: EOF", func(*prep) []byte { return nil })
	signature("wide", "it is not signed by ", func(p *prep) []byte { return armoredOf(p, detached, rsaSignature(0, 65528)) })
	signature("many", "want one signature", func(p *prep) []byte { return armoredOf(p, detached, bytes.Repeat(rsaSignature(0, 1024), 10_000)) })
	signature("compressed", "want one signature", func(p *prep) []byte { return armoredOf(p, detached, pgpPacket(8, 1<<32-1, []byte{1, 0x4b})) })
	signature("huge packet", "reading the signature: ", func(p *prep) []byte { return armoredOf(p, detached, pgpPacket(2, 1<<32-1, []byte{4})) })
	signature("huge area", "reading the signature: ", func(p *prep) []byte { return armoredOf(p, detached, pgpPacket(2, 6, []byte{4, 0, 1, 8, 0xff, 0xff})) })
	return all
}

// statements are hostile files about vulnerabilities.
func statements() []hazard {
	var all []hazard
	add := func(name, want string, parts ...any) {
		all = append(all, hazard{
			name: "vex: " + name, want: want,
			prepare: func(p *prep) { p.text("vex.yaml", parts) },
			feed: func(c *cell) error {
				_, err := vex.Read(c.in("vex.yaml"))
				return err
			},
		})
	}
	const head = "author: me\nstatements:\n- vulnerability: CVE-2026-1\n  status: fixed\n  products: "
	add("large", `vex.yaml": file has more than 1048576 bytes`, times{2 << 20, "#"})
	add("alias bomb", `vex.yaml:1:4: anchor "&a", want none`, bomb())
	add("tab", `vex.yaml:2:1: tab, want spaces`, "author: me\n\tstatements: []\n")
	add("byte order mark", `vex.yaml:1:1: byte order mark, want plain UTF-8`, "\ufeff"+head+"[a]\n")
	add("key twice", `vex.yaml:2:1: duplicate key "author", first on line 1`, "author: me\n"+head+"[a]\n")
	add("many products", `vex.yaml:5:…more than 10000 entries, want a smaller file`, head+"[", times{100_000, "a%d,"}, "a]\n")
	add("product that is a path", `vex.yaml:5:14: statements: products: got "../x" (has "..")`, head+"[../x]\n")
	add("product that is an option", `products: got "pkg:golang/x?y" (no "pkg:", or qualifiers)`, head+"['pkg:golang/x?y']\n")
	add("long product", `products: got "pkg:golang/%zaa`, head+"[pkg:golang/%z", times{900_000, "a"}, "]\n")
	add("long pattern", `products: got "[aaa`, head+"['[", times{900_000, "a"}, "']\n")
	add("product with escape codes", `products: got "pkg:golang/\x1b[2J"`, head+"[\"pkg:golang/\\e[2J\"]\n")
	add("name that is a path", `vulnerability: got "../CVE-1"`, "author: me\nstatements:\n- vulnerability: ../CVE-1\n  status: fixed\n  products: [a]\n")
	add("unknown status", `status: got "fixd", want `, strings.Replace(head, "fixed", "fixd", 1)+"[a]\n")
	add("many unknown keys", `further errors: `, head+"[a]\n", times{5_000, "  k%d: v\n"})
	add("version that is too large", `version: got `, "version: 99999999999999999999\n"+head+"[a]\n")
	return all
}

// release makes the release in/release with a file.
func (p *prep) release(file, content string) {
	p.Helper()
	dir := releasetest.Make(p, releasetest.Args{Files: map[string]string{file: content}})
	d := release.Document{Schema: release.DocumentSchema, Product: "demo", Version: "1.2.0"}
	for _, name := range []string{"lock.json", "manifest.yaml", file} {
		sum, size, err := digest.FromFile(filepath.Join(dir, name))
		if err != nil {
			p.Fatal(err)
		}
		d.Artifacts = append(d.Artifacts, release.Artifact{Path: name, Kind: "document", MediaType: "text/plain", Size: size, Digest: sum})
	}
	if err := jsonfile.Write(filepath.Join(dir, release.DocumentFile), d); err != nil {
		p.Fatal(err)
	}
	releasetest.Seal(p, dir)
	if err := os.Rename(dir, p.in("release")); err != nil {
		p.Fatal(err)
	}
}

// nestedAr returns an ar archive with one in it, and so on.
func nestedAr(depth int) string {
	const each = 68 // bytes of the magic number and a header
	var b strings.Builder
	for left := depth; left > 0; left-- {
		fmt.Fprintf(&b, "!<arch>\n%-16s%-32s%-10d`\n", "x", "", (left-1)*each)
	}
	return b.String()
}

// checks are a product's own checks of hostile files.
func checks() []hazard {
	var all []hazard
	add := func(name, report string, own validate.Own, parts ...any) {
		own.Name, own.Artifacts = "own", []string{"values.yaml"}
		all = append(all, hazard{
			name: "check: " + name, report: report,
			prepare: func(p *prep) {
				p.release("values.yaml", p.join(parts))
			},
			feed: func(c *cell) error {
				r, err := validate.Run(c.ctx, validate.Args{Dir: c.in("release"), Own: []validate.Own{own}})
				if err != nil {
					return err
				}
				for _, check := range r.Checks {
					for _, f := range check.Findings {
						if len(f.String()) > maxText {
							return fmt.Errorf("a finding has %d bytes", len(f.String()))
						}
						c.say("%s", f)
					}
				}
				return nil
			},
		})
	}
	value := func(name, want string, parts ...any) {
		add(name, "values.yaml: own: "+want, validate.Own{Values: map[string]string{":a.a.a.a.a.a": "x"}}, parts...)
	}
	value("alias bomb", `it has no "a.a.a.a.a.a"`, bomb())
	value("alias to itself", `a.a.a.a.a.a is no scalar, want "x"`, "a: &a {a: *a}\n")
	value("keys twice", `it has no "a.a.a.a.a.a"`, "a: &a {", times{2000, "a: {}, "}, "a: x}\na: *a\n")
	nested := "x: &x0 {" + strings.Repeat("a: {}, ", 20) + "b: c}\n"
	for i := range 6 {
		nested += fmt.Sprintf("x%d: &x%d {%sb: c}\n", i+1, i+1, strings.Repeat(fmt.Sprintf("a: *x%d, ", i), 40))
	}
	value("keys twice, nested", `it has no "a.a.a.a.a.a"`, nested+"a: *x6\n")
	value("many lists", `reading it as YAML: values.yaml:1:200001: more than 100000 entries`, times{7 << 20, "- "})
	value("deep", `reading it as YAML: values.yaml:1:10001: brackets 10001 deep, want at most 10000`, times{1 << 20, "["})
	value("panic of the parser", `reading it as YAML: values.yaml:2: invalid YAML: `, "#\n  - C\nD:\n-\n? - ? - - ? -\n  - ? - : a")
	value("long value", `a.a.a.a.a.a is "xxx`, "a: {a: {a: {a: {a: {a: ", times{1 << 20, "x"}, "}}}}}\n")
	value("escape codes", `a.a.a.a.a.a is "\x1b[2J", want "x"`, "a.a.a.a.a.a: \"\\e[2J\"\n")
	add("archives in archives", `values.yaml: own: it has no file "y"`, validate.Own{Contains: []string{"y"}}, nestedAr(50_000))
	add("no regular expression", "the release: own: error parsing regexp: ", validate.Own{Command: "x", Output: "("})
	add("program that is a path", `none of its artifacts has program "../../bin/sh" for this machine`, validate.Own{Program: "../../bin/sh"}, "a")
	return all
}
