// Package buildinfotest writes files that debug/buildinfo reads as Go programs, without a
// compiler.
package buildinfotest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

// Write writes a file with the build information, and its directory. The information is that
// of Go 1.18 and later, in a file without code for linux/amd64.
func Write(tb testing.TB, name string, info *debug.BuildInfo) {
	tb.Helper()
	const headers, address = 64 + 56, 0x400000
	var data bytes.Buffer
	data.WriteString("\xff Go buildinf:")
	data.Write([]byte{8, 2}) // the pointers' size; strings follow
	data.Write(make([]byte, 32-data.Len()))
	const sentinel = "0123456789abcdef"
	for _, s := range []string{info.GoVersion, sentinel + info.String() + sentinel} {
		data.Write(binary.AppendUvarint(nil, uint64(len(s))))
		data.WriteString(s)
	}
	data.Write(make([]byte, 64))
	var b bytes.Buffer
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	offset := uint64(headers + 8) // to a multiple of 16
	segment := elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: offset, Vaddr: address, Paddr: address,
		Filesz: uint64(data.Len()), Memsz: uint64(data.Len()), Align: 16,
	}
	for _, v := range []any{header, segment, make([]byte, 8), data.Bytes()} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o755); err != nil {
		tb.Fatal(err)
	}
}
