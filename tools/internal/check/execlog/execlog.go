// Package execlog reads what a build's actions took and gave, from Bazel's execution log, and
// compares two builds.
//
// The log is a sequence of messages SpawnExec, each after its length:
// https://github.com/bazelbuild/bazel/blob/7.7.1/src/main/protobuf/spawn.proto
// It is the one that every Bazel can write: for the compact one, Debian's lacks a library.
package execlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxSpawn is the largest message in bytes: it lists all inputs of an action.
const maxSpawn = 256 << 20

// Flags returns Bazel's flags for a log in a file.
func Flags(name string) []string {
	return []string{"--execution_log_binary_file=" + name, "--noexecution_log_sort"}
}

// spawn is a process that ran, or whose result was cached.
type spawn struct {
	label, mnemonic, runner string
	args                    []string
	env                     []string // NAME=value
	inputs, outputs         []file
}

// file is a file, or a symbolic link whose hash is its target.
type file struct{ path, hash string }

// each calls f for each action in the log in a file.
func each(name string, f func(*spawn)) error {
	r, err := os.Open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := read(r, f); err != nil {
		return fmt.Errorf("reading execution log %q: %w", name, err)
	}
	return nil
}

func read(r io.Reader, f func(*spawn)) error {
	in := bufio.NewReader(r)
	var data []byte
	for {
		size, err := binary.ReadUvarint(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && size > maxSpawn {
			err = fmt.Errorf("size of an action: got %d, want at most %d", size, maxSpawn)
		}
		if err != nil {
			return err
		}
		if uint64(cap(data)) < size {
			data = make([]byte, size)
		}
		data = data[:size]
		if _, err := io.ReadFull(in, data); err != nil {
			return err
		}
		var s spawn
		if err := s.parse(data); err != nil {
			return err
		}
		f(&s)
	}
}

// parse parses a message SpawnExec. The numbers of fields are those of spawn.proto.
func (s *spawn) parse(data []byte) error {
	return fields(data, func(number protowire.Number, message []byte) (err error) {
		switch number {
		case 1:
			s.args = append(s.args, string(message))
		case 2: // EnvironmentVariable
			var name, value string
			err = fields(message, func(number protowire.Number, text []byte) error {
				switch number {
				case 1:
					name = string(text)
				case 2:
					value = string(text)
				}
				return nil
			})
			s.env = append(s.env, name+"="+value)
		case 4:
			s.inputs, err = addFile(s.inputs, message)
		case 10:
			s.mnemonic = string(message)
		case 11:
			s.outputs, err = addFile(s.outputs, message)
		case 12:
			s.runner = string(message)
		case 18:
			s.label = string(message)
		}
		return err
	})
}

// addFile adds a message File. Its digest is a message that begins with the hash.
func addFile(files []file, data []byte) ([]file, error) {
	var f file
	err := fields(data, func(number protowire.Number, message []byte) error {
		switch number {
		case 1:
			f.path = string(message)
		case 2, 4: // digest, target
			f.hash += string(message)
		}
		return nil
	})
	return append(files, f), err
}

// fields calls f for each field of a message that is text or a message.
func fields(data []byte, f func(number protowire.Number, message []byte) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var message []byte
		if kind == protowire.BytesType {
			message, n = protowire.ConsumeBytes(data)
		} else {
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if kind != protowire.BytesType {
			continue
		}
		if err := f(number, message); err != nil {
			return err
		}
	}
	return nil
}
