package compare

import (
	"cmp"
	"context"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
)

// program is the compared part of an executable file.
type program struct {
	build, header attrs
	sections      []entry
}

// maxSections is the maximum number of sections of one program.
const maxSections = 2000

// program compares two executable files: Go's build information, then their headers and their
// sections by name.
func (e *explainer) program(ctx context.Context, p pair, kind format) error {
	old, new, err := both(p, kind, func(c content) (*program, error) { return e.readProgram(ctx, c, kind) })
	if err != nil {
		return err
	}
	e.attrs(join(p.member, "Go build info"), old.build, new.build)
	e.attrs(p.member, old.header, new.header)
	before := e.out
	e.out = collector{}
	err = e.entries(ctx, p, old.sections, new.sections)
	found := e.out.kept
	e.out = before
	e.follow(p.member, found)
	return err
}

// maxFollowing is the number of sections that are shown if they only follow from others.
const maxFollowing = 3

// follow adds the differences of sections. Those with a cause come first, because the others
// probably follow from them.
func (e *explainer) follow(member string, found []Difference) {
	slices.SortStableFunc(found, func(a, b Difference) int { return cmp.Compare(rank(a), rank(b)) })
	explained := e.out.count > 0 || len(found) > 0 && found[0].Cause != ""
	following := 0
	for _, d := range found {
		if d.Cause == "" && explained && (d.What == "content" || d.What == "size") {
			d.Cause = causeFollows
			if following++; following > maxFollowing {
				continue
			}
		}
		e.out.add(d)
	}
	if more := following - maxFollowing; more > 0 {
		e.out.add(Difference{Member: member, What: "content of " + plural(more, "more section"), Cause: causeFollows})
	}
}

func rank(d Difference) int {
	switch d.Cause {
	case "":
		return 1
	case causeBuildID:
		return 2
	}
	return 0
}

// readProgram reads the headers of a program. The debug packages are not hardened against
// hostile files, so a panic means that the file is malformed.
func (e *explainer) readProgram(ctx context.Context, c content, kind format) (p *program, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed: %v", r)
		}
	}()
	p = &program{build: buildInfo(c)}
	add := func(name string, offset, size uint64) error {
		x := entry{name: string(kind) + " section " + name, size: int64(size)}
		at, inFile := int64(offset), min(int64(size), c.size-int64(offset))
		if at <= 0 || inFile <= 0 {
			x.attrs = attrs{{"size", plural(size, "byte")}} // a section in memory only
		} else {
			part := content{io.NewSectionReader(c.at, at, inFile), inFile}
			x.open = func(context.Context) (content, error) { return part, nil }
			if _, x.sum, err = e.hash(ctx, part.reader()); err != nil {
				return err
			}
		}
		if p.sections = append(p.sections, x); len(p.sections) > maxSections {
			return fmt.Errorf("%w: more than %d sections", errBound, maxSections)
		}
		return nil
	}
	switch kind {
	case formatELF:
		p.header, err = readELF(c, add)
	case formatMachO:
		p.header, err = readMachO(c, add)
	default:
		p.header, err = readPE(c, add)
	}
	return p, err
}

// adder receives the sections of a program. The offset is 0 for a section in memory only.
type adder func(name string, offset, size uint64) error

func readELF(c content, add adder) (attrs, error) {
	f, err := elf.NewFile(c.at)
	if err != nil {
		return nil, err
	}
	for _, s := range f.Sections {
		offset := s.Offset
		if s.Type == elf.SHT_NOBITS {
			offset = 0
		}
		if err := add(s.Name, offset, s.FileSize); err != nil {
			return nil, err
		}
	}
	return attrs{
		{"header machine", f.Machine.String()}, {"header class", f.Class.String()}, {"header OS ABI", f.OSABI.String()}, {"header type", f.Type.String()},
	}, nil
}

func readMachO(c content, add adder) (attrs, error) {
	f, err := macho.NewFile(c.at)
	if err != nil {
		return nil, err
	}
	header := attrs{{"header CPU", f.Cpu.String()}, {"header type", f.Type.String()}}
	const uuid = 0x1b // LC_UUID of <mach-o/loader.h>
	for _, l := range f.Loads {
		if data := l.Raw(); len(data) == 24 && f.ByteOrder.Uint32(data) == uuid {
			header = append(header, attr{"header UUID", fmt.Sprintf("%x", data[8:])})
		}
	}
	const typeMask, zerofill, gbZerofill, threadZerofill = 0xff, 1, 0xc, 0x12
	for _, s := range f.Sections {
		offset := uint64(s.Offset)
		if t := s.Flags & typeMask; t == zerofill || t == gbZerofill || t == threadZerofill {
			offset = 0
		}
		if err := add(s.Seg+","+s.Name, offset, s.Size); err != nil {
			return nil, err
		}
	}
	return header, nil
}

func readPE(c content, add adder) (attrs, error) {
	f, err := pe.NewFile(c.at)
	if err != nil {
		return nil, err
	}
	stamp := ""
	if f.TimeDateStamp != 0 {
		stamp = time.Unix(int64(f.TimeDateStamp), 0).UTC().Format(time.RFC3339)
	}
	for _, s := range f.Sections {
		if err := add(s.Name, uint64(s.Offset), uint64(s.Size)); err != nil {
			return nil, err
		}
	}
	return attrs{{"header machine", fmt.Sprintf("%#x", f.Machine)}, {"header TimeDateStamp", stamp}}, nil
}

// buildInfo returns what `go version -m` prints for a program, or nothing if it has no build
// information.
func buildInfo(c content) (a attrs) {
	defer func() {
		if recover() != nil {
			a = nil
		}
	}()
	info, err := goinfo.Read(c.at)
	if err != nil {
		return nil
	}
	a = attrs{{"Go version", info.GoVersion}, {"package", info.Path}, {"main module", strings.TrimSpace(info.Main.Path + " " + info.Main.Version)}}
	for _, d := range info.Deps {
		if d == nil || len(a) > maxSections {
			continue
		}
		value := strings.TrimSpace(d.Version + " " + d.Sum)
		if d.Replace != nil {
			value += " => " + d.Replace.Path + " " + d.Replace.Version
		}
		a = append(a, attr{"module " + limited(d.Path, 150), value})
	}
	for _, s := range info.Settings {
		if len(a) <= 2*maxSections {
			a = append(a, attr{"setting " + limited(s.Key, 150), s.Value})
		}
	}
	return a
}
