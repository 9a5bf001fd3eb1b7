package linuxpkg

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
)

// What package managers do with systemd units, by format. In each, UNITS are all units and
// START those that can be started: not the templates, whose names end in "@.service".
//
// A system without systemd, such as a container, is left alone.
var unitScripts = map[Format]struct {
	enable     string // after installing, if units are to be enabled
	installed  string // after installing
	preRemove  string
	postRemove string
}{
	// As debhelper's dh_installsystemd has it.
	Deb: {
		enable: `if [ "$1" = configure ] || [ "$1" = abort-upgrade ] || [ "$1" = abort-deconfigure ] || [ "$1" = abort-remove ]; then
	for unit in UNITS; do
		deb-systemd-helper unmask "$unit" >/dev/null || true
		if deb-systemd-helper --quiet was-enabled "$unit"; then
			deb-systemd-helper enable "$unit" >/dev/null || true
		else
			deb-systemd-helper update-state "$unit" >/dev/null || true
		fi
	done
	if [ -d /run/systemd/system ]; then
		systemctl --system daemon-reload >/dev/null || true
		if [ -n "$2" ]; then
			deb-systemd-invoke restart START >/dev/null || true
		else
			deb-systemd-invoke start START >/dev/null || true
		fi
	fi
fi
`,
		installed: `if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
	systemctl --system daemon-reload >/dev/null || true
	if [ -n "$2" ]; then
		deb-systemd-invoke try-restart START >/dev/null || true
	fi
fi
`,
		preRemove: `if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	deb-systemd-invoke stop START >/dev/null || true
fi
`,
		postRemove: `if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl --system daemon-reload >/dev/null || true
fi
if [ "$1" = purge ] && command -v deb-systemd-helper >/dev/null; then
	deb-systemd-helper purge UNITS >/dev/null || true
fi
`,
	},
	// As systemd's macros %systemd_post, %systemd_preun and %systemd_postun_with_restart have
	// it: the presets of the distribution decide what is enabled.
	RPM: {
		enable: `if [ "$1" -eq 1 ] && [ -x /usr/bin/systemctl ]; then
	/usr/bin/systemctl --no-reload preset UNITS >/dev/null 2>&1 || :
fi
`,
		preRemove: `if [ "$1" -eq 0 ] && [ -x /usr/bin/systemctl ]; then
	/usr/bin/systemctl --no-reload disable --now UNITS >/dev/null 2>&1 || :
fi
`,
		postRemove: `if [ "$1" -ge 1 ] && [ -d /run/systemd/system ]; then
	/usr/bin/systemctl try-restart START >/dev/null 2>&1 || :
fi
`,
	},
	// Arch Linux enables nothing by itself, and pacman's hooks reload systemd.
	ArchLinux: {
		preRemove: `if [ -d /run/systemd/system ]; then
	systemctl disable --now UNITS >/dev/null 2>&1 || :
fi
`,
	},
}

// addScripts sets the scripts of the package: those of the spec, and what its units need.
func (b *builder) addScripts(info *nfpm.Info) error {
	units := unitScripts[b.Format]
	installed := units.installed
	if b.Units.Enable {
		installed = units.enable
	}
	for _, s := range []struct {
		to           *string
		user         string
		before, next string // what runs before and after the user's script
	}{
		{&info.Scripts.PreInstall, b.Scripts.PreInstall, "", ""},
		{&info.Scripts.PostInstall, b.Scripts.PostInstall, "", installed},
		{&info.Scripts.PreRemove, b.Scripts.PreRemove, units.preRemove, ""},
		{&info.Scripts.PostRemove, b.Scripts.PostRemove, "", units.postRemove},
	} {
		text, err := b.script(s.user, b.unitCommands(s.before), b.unitCommands(s.next))
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		if b.Format == RPM {
			text = forShell(text, info)
		}
		if *s.to, err = b.generate([]byte(text)); err != nil {
			return err
		}
	}
	// deb and rpm run these at upgrades too, so the others do.
	info.APK.Scripts = nfpm.APKScripts{PreUpgrade: info.Scripts.PreInstall, PostUpgrade: info.Scripts.PostInstall}
	info.ArchLinux.Scripts = nfpm.ArchLinuxScripts{PreUpgrade: info.Scripts.PreInstall, PostUpgrade: info.Scripts.PostInstall}
	return nil
}

// unitCommands fills in the names of the units. It returns nothing if there are none.
func (b *builder) unitCommands(commands string) string {
	if len(b.Units.Names) == 0 {
		return ""
	}
	names := slices.Sorted(slices.Values(b.Units.Names))
	start := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.Contains(n, "@.") })
	if len(start) == 0 {
		// Without an argument the commands fail, which the scripts ignore.
		start = []string{""}
	}
	return strings.NewReplacer("UNITS", quote(names), "START", quote(start)).Replace(commands)
}

func quote(names []string) string { return "'" + strings.Join(names, "' '") + "'" }

// script joins a user's script and generated commands. A script that stands alone is not
// changed. Otherwise it runs in a subshell, so that its exit ends it alone.
func (b *builder) script(user, before, after string) (string, error) {
	interpreter, body := "/bin/sh", ""
	if user != "" {
		data, err := os.ReadFile(user)
		if err != nil {
			return "", err
		}
		if interpreter, err = shellOf(data); err != nil {
			return "", fmt.Errorf("reading script %q: %w", user, err)
		}
		if before == "" && after == "" {
			return string(data), nil
		}
		body = "(\n" + strings.TrimSuffix(string(data), "\n") + "\n)\n"
	} else if before == "" && after == "" {
		return "", nil
	}
	return "#!" + interpreter + "\nset -e\n" + before + body + after, nil
}

// forShell returns a script for rpm, which runs it with /bin/sh whatever its first line says: a
// script for another shell starts that one. The package depends on it, as rpmbuild's do.
func forShell(script string, info *nfpm.Info) string {
	interpreter, err := shellOf([]byte(script))
	if err != nil || path.Base(interpreter) == "sh" {
		return script
	}
	if !slices.Contains(info.Depends, interpreter) {
		info.Depends = append(slices.Clip(info.Depends), interpreter)
	}
	line, _, _ := strings.Cut(strings.TrimPrefix(script, "#!"), "\n")
	return "#!/bin/sh\nexec " + strings.TrimSpace(line) + " -c '" + strings.ReplaceAll(script, "'", `'\''`) + "' " + interpreter + ` "$@"` + "\n"
}

// shellOf returns the interpreter of a script, which has to be a shell.
func shellOf(script []byte) (string, error) {
	line, _, _ := bufio.NewReader(bytes.NewReader(script)).ReadLine()
	interpreter, ok := strings.CutPrefix(string(line), "#!")
	interpreter, _, _ = strings.Cut(strings.TrimSpace(interpreter), " ")
	if !ok || !slices.Contains([]string{"sh", "bash", "dash", "ash"}, path.Base(interpreter)) {
		return "", fmt.Errorf("got first line %q, want #!/bin/sh or another shell", line)
	}
	return interpreter, nil
}
