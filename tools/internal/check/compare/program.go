package compare

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// section is a part of a program that is compared as one.
type section struct {
	name string
	size int64 // in memory
	data *io.SectionReader
}

// program is what is compared of an executable file.
type program struct {
	header   attrs
	sections []section
}

// maxSections is how many sections of one program are looked at.
const maxSections = 2000

// program compares two executable files: what Go wrote into them about their
// build, then their sections by name.
func (e *explainer) program(ctx context.Context, p pair, kind format) error {
	old, err := readProgram(p.old, kind)
	if err != nil {
		return fmt.Errorf("reading the old %s: %w", kind, err)
	}
	new, err := readProgram(p.new, kind)
	if err != nil {
		return fmt.Errorf("reading the new %s: %w", kind, err)
	}
	e.attrs(attrsArgs{member: join(p.member, "Go build info"), format: "Go", old: buildInfo(p.old), new: buildInfo(p.new)})
	e.attrs(attrsArgs{member: p.member, format: kind, old: old.header, new: new.header})
	sub := &explainer{cpus: e.cpus, held: e.held, read: e.read}
	if err := sub.sections(ctx, sectionsArgs{p, kind, old.sections, new.sections}); err != nil {
		return err
	}
	e.read = sub.read
	e.follow(p.member, sub.out.kept)
	return nil
}

// maxFollowing is how many sections are shown that only follow from others.
const maxFollowing = 3

// follow adds the differences of sections, the ones that have a cause first: the
// others are likely to follow from them.
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

type sectionsArgs struct {
	p        pair
	kind     format
	old, new []section
}

func (e *explainer) sections(ctx context.Context, a sectionsArgs) error {
	index := map[entryKey]int{}
	seen := map[string]int{}
	for i, s := range a.new {
		index[entryKey{s.name, seen[s.name]}] = i
		seen[s.name]++
	}
	clear(seen)
	for _, s := range a.old {
		key := entryKey{s.name, seen[s.name]}
		seen[s.name]++
		member := join(a.p.member, string(a.kind)+" section "+printable(s.name))
		j, ok := index[key]
		if !ok {
			e.note(finding{member: member, format: a.kind, what: "removed"})
			continue
		}
		delete(index, key)
		if err := e.section(ctx, member, s, a.new[j]); err != nil {
			return err
		}
	}
	var added []string
	for k := range index {
		added = append(added, k.name)
	}
	slices.Sort(added)
	for _, name := range added {
		e.note(finding{member: join(a.p.member, string(a.kind)+" section "+printable(name)), format: a.kind, what: "added"})
	}
	return nil
}

func (e *explainer) section(ctx context.Context, member string, old, new section) error {
	if old.data == nil || new.data == nil {
		if old.size != new.size {
			e.note(finding{member: member, what: "size", old: plural(int(old.size), "byte"), new: plural(int(new.size), "byte")})
		}
		return nil
	}
	return e.plain(ctx, pair{member: member, old: atContent(old.data, old.data.Size()), new: atContent(new.data, new.data.Size())})
}

// readProgram reads the headers of a program. The packages below debug say that
// they are not hardened against files that mean harm: what panics is malformed.
func readProgram(c content, kind format) (p *program, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed: %v", r)
		}
	}()
	switch kind {
	case formatELF:
		p, err = readELF(c)
	case formatMachO:
		p, err = readMachO(c)
	default:
		p, err = readPE(c)
	}
	if err != nil {
		return nil, err
	}
	if len(p.sections) > maxSections {
		return nil, fmt.Errorf("%w: more than %d sections", errBound, maxSections)
	}
	return p, nil
}

// raw returns the part of c from offset on, as far as c has it; nil for none.
func raw(c content, offset, size int64) *io.SectionReader {
	if offset < 0 || size <= 0 || offset >= c.size {
		return nil
	}
	return io.NewSectionReader(c.at, offset, min(size, c.size-offset))
}

func readELF(c content) (*program, error) {
	f, err := elf.NewFile(c.at)
	if err != nil {
		return nil, err
	}
	p := &program{header: attrs{
		{"header machine", f.Machine.String()}, {"header class", f.Class.String()}, {"header OS ABI", f.OSABI.String()}, {"header type", f.Type.String()},
	}}
	for _, s := range f.Sections {
		x := section{name: s.Name, size: int64(s.Size)}
		if s.Type != elf.SHT_NOBITS {
			x.data = raw(c, int64(s.Offset), int64(s.FileSize))
		}
		p.sections = append(p.sections, x)
	}
	return p, nil
}

func readMachO(c content) (*program, error) {
	f, err := macho.NewFile(c.at)
	if err != nil {
		return nil, err
	}
	p := &program{header: attrs{{"header CPU", f.Cpu.String()}, {"header type", f.Type.String()}}}
	const uuid = 0x1b // LC_UUID of <mach-o/loader.h>
	for _, l := range f.Loads {
		if data := l.Raw(); len(data) == 24 && f.ByteOrder.Uint32(data) == uuid {
			p.header = append(p.header, attr{"header UUID", fmt.Sprintf("%x", data[8:])})
		}
	}
	const typeMask, zerofill, gbZerofill, threadZerofill = 0xff, 1, 0xc, 0x12
	for _, s := range f.Sections {
		x := section{name: s.Seg + "," + s.Name, size: int64(s.Size)}
		if t := s.Flags & typeMask; t != zerofill && t != gbZerofill && t != threadZerofill {
			x.data = raw(c, int64(s.Offset), int64(s.Size))
		}
		p.sections = append(p.sections, x)
	}
	return p, nil
}

func readPE(c content) (*program, error) {
	f, err := pe.NewFile(c.at)
	if err != nil {
		return nil, err
	}
	stamp := ""
	if f.TimeDateStamp != 0 {
		stamp = time.Unix(int64(f.TimeDateStamp), 0).UTC().Format(time.RFC3339)
	}
	p := &program{header: attrs{{"header machine", fmt.Sprintf("%#x", f.Machine)}, {"header TimeDateStamp", stamp}}}
	for _, s := range f.Sections {
		p.sections = append(p.sections, section{name: s.Name, size: int64(s.VirtualSize), data: raw(c, int64(s.Offset), int64(s.Size))})
	}
	return p, nil
}

// buildInfo is what `go version -m` prints of a program; nothing if it has none.
func buildInfo(c content) (a attrs) {
	defer func() {
		if recover() != nil {
			a = nil
		}
	}()
	info, err := buildinfo.Read(c.at)
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
