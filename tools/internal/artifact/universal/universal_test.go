package universal

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// thin writes a Mach-O executable without load commands, and returns its name.
func thin(t testing.TB, cpu macho.Cpu, kind macho.Type, content string) string {
	t.Helper()
	var b bytes.Buffer
	h := macho.FileHeader{Magic: macho.Magic64, Cpu: cpu, SubCpu: 3, Type: kind}
	for _, v := range []any{h, uint32(0)} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, append(b.Bytes(), content...), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestWrite checks a universal binary by debug/macho: the halves are the programs, at pages.
func TestWrite(t *testing.T) {
	names := []string{thin(t, macho.CpuAmd64, macho.TypeExec, strings.Repeat("amd", 20000)), thin(t, macho.CpuArm64, macho.TypeExec, "arm")}
	out := filepath.Join(t.TempDir(), "universal")
	var b bytes.Buffer
	if err := Write(&b, names...); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, b.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
	fat, err := macho.OpenFat(out)
	if err != nil {
		t.Fatal(err)
	}
	defer fat.Close()
	programs, err := Programs(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(programs) != 2 || len(fat.Arches) != 2 {
		t.Fatalf("got %d programs, %d architectures, %v, want two", len(programs), len(fat.Arches), err)
	}
	for i, want := range []macho.Cpu{macho.CpuAmd64, macho.CpuArm64} {
		a := fat.Arches[i].FatArchHeader
		if a.Cpu != want || a.SubCpu != 3 || a.Align != 14 || a.Offset%(1<<14) != 0 {
			t.Errorf("header: got %+v, want %v at a page of 2^14", a, want)
		}
		thin, err := os.ReadFile(names[i])
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Bytes()[a.Offset : a.Offset+a.Size]; !bytes.Equal(got, thin) {
			t.Errorf("%v: not the program's bytes", want)
		}
		if got, err := io.ReadAll(programs[i]); err != nil || !bytes.Equal(got, thin) {
			t.Errorf("%v: Programs: not the program's bytes: %v", want, err)
		}
	}
}

// TestReader asks a program of others what the file is.
func TestReader(t *testing.T) {
	file := readers.Find(t, "file")
	var b bytes.Buffer
	if err := Write(&b, thin(t, macho.CpuAmd64, macho.TypeExec, ""), thin(t, macho.CpuArm64, macho.TypeExec, "")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(file, "-")
	cmd.Stdin = &b
	out, err := cmd.CombinedOutput()
	if want := "Mach-O universal binary with 2 architectures: [x86_64"; err != nil || !strings.Contains(string(out), want) {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

func TestErrors(t *testing.T) {
	amd64 := thin(t, macho.CpuAmd64, macho.TypeExec, "")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{[]string{amd64}, "got 1, want at least two programs, each for another CPU"},
		{[]string{amd64, thin(t, macho.CpuAmd64, macho.TypeExec, "x")}, "both are for CpuAmd64"},
		{[]string{amd64, thin(t, macho.CpuArm64, macho.TypeDylib, "")}, "want an executable of 64 bits"},
		{[]string{amd64, text}, "got no Mach-O file, want an executable for macOS: invalid magic number"},
		{[]string{amd64, text + "none"}, "no such file"},
	} {
		if err := Write(io.Discard, tt.names...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.names, err, tt.want)
		}
	}
}

// FuzzPrograms checks that any input is an error or parts of it.
func FuzzPrograms(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, thin(f, macho.CpuAmd64, macho.TypeExec, ""), thin(f, macho.CpuArm64, macho.TypeExec, "")); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		programs, err := Programs(bytes.NewReader(data), int64(len(data)))
		for _, p := range programs {
			if _, copyErr := io.Copy(io.Discard, p); copyErr != nil {
				t.Errorf("got %v, %v", copyErr, err)
			}
		}
	})
}
