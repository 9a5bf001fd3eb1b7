package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// packXz compresses with the program of Debian, with other people's options.
func packXz(t *testing.T, content []byte, options ...string) []byte {
	t.Helper()
	cmd := exec.Command(readers.Find(t, "xz"), append([]string{"--stdout", "--compress"}, options...)...)
	cmd.Stdin = bytes.NewReader(content)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestXz reads files with several blocks and streams, each check, and padding.
func TestXz(t *testing.T) {
	text := bytes.Repeat([]byte("some text\n"), 30_000)
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	content := append(text, noise...)
	for _, options := range []string{"", "--check=none", "--check=crc32", "--check=sha256", "--block-size=10001", "-T2 --block-size=65536", "-0", "-9e"} {
		packed := packXz(t, content, strings.Fields(options)...)
		several := bytes.Join([][]byte{packed, make([]byte, 8), packed, packed}, nil)
		for want, data := range map[string][]byte{string(content): packed, strings.Repeat(string(content), 3): several} {
			z, err := Decompress(bufio.NewReader(bytes.NewReader(data)))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(z); err != nil || string(got) != want {
				t.Errorf("xz %s: got %d bytes, %v, want %d", options, len(got), err, len(want))
			}
		}
	}
}

// TestXzDictionary refuses a block that wants much memory, the first one or a later one.
func TestXzDictionary(t *testing.T) {
	packed := packXz(t, []byte("some text\n"), "-T1") // without sizes in the header
	wide := bytes.Clone(packed)
	head := wide[12:24] // of the block
	head[4] = 31        // 192 MiB
	binary.LittleEndian.PutUint32(head[8:], crc32.ChecksumIEEE(head[:8]))
	for _, data := range [][]byte{wide, append(packed, wide...)} {
		z, err := Decompress(bufio.NewReader(bytes.NewReader(data)))
		if err == nil {
			_, err = io.ReadAll(z)
		}
		if want := "xz: a block wants a larger dictionary than 134217728 bytes"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
