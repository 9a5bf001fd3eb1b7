package reproduce

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
)

// WorldsArgs says which two worlds to make.
type WorldsArgs struct {
	// Root is an empty directory for both worlds.
	Root string
	// Vary are the variations that are asked for.
	Vary []Variation
	// Environ is the environment that both start with, as os.Environ returns it.
	Environ []string
	// Remote is the --config with which the second build uses another machine; empty: none.
	Remote string
	// Jobs is the first build's --jobs; 0 means the number of CPUs.
	Jobs int
	// Memory is a directory on a file system that lists files in the order of their
	// creation, such as /dev/shm; empty if there is none.
	Memory string
}

// Worlds are two worlds and how they differ.
type Worlds struct {
	First, Second *World
	Status        []Status // in the order of All
}

// The second world. Its names are made up and unusual, so that one that appears in a
// release shows where it comes from.
const (
	longName   = "another-directory-whose-name-is-quite-a-bit-longer-than-that-of-the-first-one"
	otherUser  = "wandersmann"
	otherGroup = "wanderers"
	otherHost  = "farawayhost"
	otherID    = 23456
	firstZone  = "UTC"
	otherZone  = "Pacific/Kiritimati" // UTC+14
	otherLang  = "tr_TR.UTF-8"        // in which i is not the lower case of I
	otherUmask = "077"
)

// noise are variables from which other tools take defaults.
var noise = []string{
	"SOURCE_DATE_EPOCH=86400", "GZIP=-1", "XZ_OPT=-1", "ZSTD_CLEVEL=1", "TAR_OPTIONS=--mtime=@86400", "CFLAGS=-DNOISE=1", "CXXFLAGS=-DNOISE=1",
	"LDFLAGS=-Wl,--build-id=0x6e6f697365", "MAKEFLAGS=-j7", "PYTHONHASHSEED=7", "GOGC=50", "GOAMD64=v1", "COLUMNS=43", "TERM=dumb",
	"EMAIL=noise@noise.invalid", "GIT_AUTHOR_NAME=noise", "GIT_COMMITTER_NAME=noise", "VENDOR=noise", "BUILD_ID=noise", "CAPTURED_BLACKHOLE=noise",
}

// NewWorlds returns two worlds that differ in what is asked for, as far as this machine
// allows. It writes files below Root only.
func NewWorlds(ctx context.Context, a WorldsArgs) (*Worlds, error) {
	if a.Jobs <= 0 {
		a.Jobs = defaultJobs()
	}
	m := &maker{args: a, first: newWorld("first", a), second: newWorld("second", a), status: map[Variation]Status{}}
	for _, v := range All() {
		m.status[v] = Status{Name: v, Why: notAsked}
	}
	m.directories()
	if err := m.identity(ctx); err != nil {
		return nil, err
	}
	m.processes()
	m.variables()
	if err := m.order(); err != nil {
		return nil, err
	}
	m.remote()
	m.finish()
	w := &Worlds{First: m.first, Second: m.second}
	for _, v := range All() {
		w.Status = append(w.Status, m.status[v])
	}
	if a.Remote != "" {
		w.Status = append(w.Status, m.status[Remote])
	}
	return w, nil
}

// Made reports whether the two worlds differ in a variation.
func (w *Worlds) Made(v Variation) bool {
	return slices.ContainsFunc(w.Status, func(s Status) bool { return s.Name == v && s.Made })
}

// set replaces the status of a variation.
func (w *Worlds) set(s Status) {
	for i := range w.Status {
		if w.Status[i].Name == s.Name {
			w.Status[i] = s
		}
	}
}

// maker makes two worlds.
type maker struct {
	args          WorldsArgs
	first, second *World
	env           [2]environment
	status        map[Variation]Status
}

// newWorld returns a world without variations.
func newWorld(name string, a WorldsArgs) *World {
	at := func(dir string) string { return filepath.Join(a.Root, dir) }
	return &World{
		Name: name, Dir: at("w"), Home: at("home"), OutputBase: at("base"), Temp: at("tmp"), Cache: at("cache"),
		Jobs: a.Jobs, marks: map[string]Variation{},
	}
}

func (m *maker) asked(v Variation) bool { return slices.Contains(m.args.Vary, v) }

func (m *maker) made(v Variation, first, second string) {
	m.status[v] = Status{Name: v, Made: true, First: first, Second: second}
}

func (m *maker) notMade(v Variation, why string) {
	m.status[v] = Status{Name: v, Why: why}
}

// directories sets the directories in which the worlds are.
func (m *maker) directories() {
	root, long := m.args.Root, filepath.Join(m.args.Root, longName)
	if m.asked(Path) {
		m.second.marks[longName] = Path
		m.second.Dir = filepath.Join(long, "in-"+longName, "workspace")
		m.made(Path, m.first.Dir, m.second.Dir)
	}
	if m.asked(OutputBase) {
		m.second.OutputBase = filepath.Join(root, "the-other-output-base")
		m.made(OutputBase, m.first.OutputBase, m.second.OutputBase)
	}
	if m.asked(Home) {
		m.second.Home = filepath.Join(root, "homes-of-others", otherUser)
		m.second.Temp = filepath.Join(root, "temporary-files-of-others")
		m.made(Home, m.first.Home, m.second.Home)
	}
}

// identity sets the user and the machine.
func (m *maker) identity(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	me := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		me = u.Username + " (uid " + u.Uid + ", gid " + u.Gid + ")"
	}
	if m.asked(User) {
		m.try(ctx, User, view{UID: otherID, GID: otherID}, me, fmt.Sprintf("%s (uid %d, gid %d), in a user namespace", otherUser, otherID, otherID))
	}
	if m.asked(Host) {
		m.try(ctx, Host, view{Host: otherHost}, host, otherHost+", in a UTS namespace")
	}
	if !m.second.view.namespaces() {
		return nil
	}
	return m.mounts()
}

// try makes a variation with namespaces, if the machine allows them.
func (m *maker) try(ctx context.Context, what Variation, v view, first, second string) {
	if err := tryView(ctx, v); err != nil {
		m.notMade(what, "no namespaces here: "+err.Error())
		return
	}
	if v.UID != 0 {
		m.second.view.UID, m.second.view.GID = v.UID, v.GID
	}
	if v.Host != "" {
		m.second.view.Host = v.Host
	}
	m.made(what, first, second)
}

// mounts adds files with the names of the other user and the other machine.
func (m *maker) mounts() error {
	lines := map[string]string{}
	if m.second.view.UID != 0 {
		lines["/etc/passwd"] = fmt.Sprintf("%s:x:%d:%d:%s:%s:/bin/sh\n", otherUser, otherID, otherID, otherUser, m.second.Home)
		lines["/etc/group"] = fmt.Sprintf("%s:x:%d:\n", otherGroup, otherID)
	}
	if m.second.view.Host != "" {
		lines["/etc/hosts"] = "127.0.0.1 " + otherHost + "\n"
	}
	m.second.view.Mounts = map[string]string{}
	for place, line := range lines {
		data, err := os.ReadFile(place)
		if err != nil {
			continue // there is no file to replace
		}
		file := filepath.Join(m.args.Root, "etc-"+filepath.Base(place))
		if err := os.WriteFile(file, append([]byte(line), data...), 0o644); err != nil {
			return err
		}
		m.second.view.Mounts[place] = file
	}
	return nil
}

// processes sets the attributes of processes.
func (m *maker) processes() {
	if m.asked(Umask) {
		if err := (view{Umask: otherUmask}).wrap(&exec.Cmd{}); err != nil {
			m.notMade(Umask, err.Error())
		} else {
			m.first.view.Umask, m.second.view.Umask = "022", otherUmask
			m.made(Umask, "022", otherUmask)
		}
	}
	if m.asked(Jobs) {
		m.second.Jobs = m.first.Jobs + 1
		m.made(Jobs, strconv.Itoa(m.first.Jobs), strconv.Itoa(m.second.Jobs))
	}
	if !m.asked(CPUs) {
		return
	}
	switch cpus, err := allowedCPUs(); {
	case err != nil:
		m.notMade(CPUs, err.Error())
	case len(cpus) < 2:
		m.notMade(CPUs, "this machine has one CPU")
	default:
		m.second.view.CPUs = cpus[:len(cpus)-1]
		m.made(CPUs, strconv.Itoa(len(cpus)), strconv.Itoa(len(cpus)-1))
	}
}

// variables sets the environments.
func (m *maker) variables() {
	for i, w := range []*World{m.first, m.second} {
		e := newEnvironment(slices.DeleteFunc(slices.Clone(m.args.Environ), func(s string) bool {
			name, _, _ := strings.Cut(s, "=")
			return ofCaller(name)
		}))
		e["HOME"], e["TMPDIR"] = w.Home, w.Temp
		e["TZ"], e["LANG"], e["LC_ALL"] = firstZone, "C.UTF-8", "C.UTF-8"
		name := "root"
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
		if w.view.UID != 0 {
			name = otherUser
		}
		e["USER"], e["LOGNAME"] = name, name
		m.env[i] = e
	}
	second := m.env[1]
	if m.asked(TZ) {
		second["TZ"] = otherZone
		m.made(TZ, firstZone, otherZone)
	}
	if m.asked(Lang) {
		second["LANG"], second["LC_ALL"], second["LANGUAGE"] = otherLang, otherLang, "tr"
		m.made(Lang, "C.UTF-8", otherLang)
		if !installed(otherLang) {
			s := m.status[Lang]
			s.Why = "the locale is not installed: programs that read the variables see it, the C library does not"
			m.status[Lang] = s
		}
	}
	if m.asked(Env) {
		for _, s := range noise {
			name, value, _ := strings.Cut(s, "=")
			second[name] = value
		}
		second["PATH"] += string(os.PathListSeparator) + filepath.Join(m.second.Home, "bin")
		m.made(Env, "the caller's", fmt.Sprintf("the caller's, with %d more variables and a longer PATH", len(noise)))
	}
}

// installed reports whether the C library has a locale.
func installed(locale string) bool {
	out, err := environ.Command(context.Background(), environ.Tool(), "locale", "-a").Output()
	folded := strings.ToLower(strings.ReplaceAll(string(out), "-", ""))
	return err == nil && slices.Contains(strings.Fields(folded), strings.ToLower(strings.ReplaceAll(locale, "-", "")))
}

// order makes the second world's directories list their files in another order. File
// systems list by name, by a hash of the name, or by time of creation; only the last can
// be varied. So files are created in reverse order, and sandboxes are in memory if that
// makes a difference.
func (m *maker) order() error {
	if !m.asked(DirOrder) {
		return nil
	}
	here, err := lists(m.args.Root, false)
	if err != nil {
		return err
	}
	reversed, err := lists(m.args.Root, true)
	if err != nil {
		return err
	}
	m.second.Reorder = true
	creation := !slices.Equal(here, reversed)
	if m.args.Memory != "" {
		if there, err := lists(m.args.Memory, false); err == nil && !slices.Equal(here, there) {
			m.second.Sandboxes = filepath.Join(m.args.Memory, filepath.Base(m.args.Root)+"-"+m.second.Name)
		}
	}
	switch {
	case creation:
		m.made(DirOrder, "files created by name", "files created in reverse")
	case m.second.Sandboxes != "":
		m.made(DirOrder, "sandboxes on disk", "sandboxes in "+m.args.Memory)
		s := m.status[DirOrder]
		s.Why = "on disk the order of creation has no effect: directories outside of sandboxes list their files in the same order in both builds"
		m.status[DirOrder] = s
	default:
		m.notMade(DirOrder, "on this machine the order of creation has no effect on how a directory lists its files")
	}
	return nil
}

// lists returns the order in which a directory lists files that were created in the order
// of their names, or in reverse.
func lists(in string, reverse bool) ([]string, error) {
	dir, err := os.MkdirTemp(in, "order-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for i := range 24 {
		if reverse {
			i = 23 - i
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%02d", i)), nil, fs.FileMode(0o644)); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// remote has the second build use another machine. What this machine built before is used in
// neither build.
func (m *maker) remote() {
	if m.args.Remote == "" {
		return
	}
	m.made(Remote, "this machine", "--config="+m.args.Remote)
	m.second.Remote, m.first.Actions, m.second.Actions = m.args.Remote, true, true
	if !m.asked(DiskCache) {
		m.args.Vary = append(slices.Clone(m.args.Vary), DiskCache)
	}
}

// finish completes the environments, and records the names by which a world is recognised.
func (m *maker) finish() {
	if m.asked(Clock) {
		m.notMade(Clock, "the builds were not made")
	}
	if m.asked(DiskCache) {
		m.made(DiskCache, "off", "off")
		m.env[0]["RELEASE_DISK_CACHE"], m.env[1]["RELEASE_DISK_CACHE"] = "off", "off"
	}
	for i, w := range []*World{m.first, m.second} {
		w.Environ = m.env[i].list()
		for _, v := range []struct {
			mark string
			of   Variation
		}{{w.Dir, Path}, {w.OutputBase, OutputBase}, {w.Home, Home}} {
			if m.asked(v.of) {
				w.marks[v.mark] = v.of
			}
		}
	}
	for mark, of := range map[string]Variation{otherUser: User, otherGroup: User, strconv.Itoa(otherID): User, otherHost: Host, otherZone: TZ, otherLang: Lang, "noise": Env} {
		if m.status[of].Made {
			m.second.marks[mark] = of
		}
	}
}
