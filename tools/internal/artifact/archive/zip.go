package archive

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
)

// WriteZip writes entries to w as a zip (PKWARE APPNOTE 6.3.10). Order, parent directories
// and checks are those of WriteTar. The order of entries has no effect on the output.
//
// Files are deflated (method 8): large ones with NewGzipWriter's compressor on all CPUs,
// those of one block on one CPU. Links and directories are stored. The CRC-32 and the sizes
// of a file follow its data (flag bit 3), so that w need not seek. There are Zip64 records
// for numbers that do not fit into 32 bits. Names that are not ASCII have the UTF-8 flag
// (bit 11). The external attributes have the Unix mode. The MS-DOS fields have the time in
// UTC, in even seconds; the extended timestamp field (0x5455) has it exactly, so that
// readers agree in every time zone.
//
// A zip cannot hold times before 1980-01-01T00:00:00Z: an earlier Options.ModTime becomes
// that. A time after 2105 is an error. Windows and macOS unpack zips too, so two paths that
// differ only in case are an error, and so is a name that Windows cannot hold.
func WriteZip(w io.Writer, entries []Entry, opts Options) error {
	mtime, err := zipTime(opts)
	if err != nil {
		return err
	}
	items, err := plan(entries, opts.Prefix)
	if err != nil {
		return err
	}
	if err := checkPortable(items); err != nil {
		return err
	}
	z := &zipWriter{zw: zip.NewWriter(w), mtime: mtime, buf: make([]byte, copyBufferSize)}
	z.small, _ = flate.NewWriter(nil, gzipLevel) // errs on a bad level only
	z.zw.RegisterCompressor(zip.Deflate, z.compressor)
	defer z.large.stop()
	for _, it := range items {
		if err := z.write(it); err != nil {
			return fmt.Errorf("writing zip entry %q: %w", it.name, err)
		}
	}
	return z.zw.Close()
}

// zipTime returns the modification time for a zip. MS-DOS time starts in 1980, and the
// 32 bits of the extended timestamp end in 2106.
func zipTime(opts Options) (time.Time, error) {
	t, err := opts.modTime()
	if err != nil {
		return t, err
	}
	if t.Year() > 2105 {
		return t, fmt.Errorf("checking modification time %s: want a year before 2106 in a zip", t.Format(time.RFC3339))
	}
	if t.Year() < 1980 {
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t, nil
}

// zipWriter writes one zip.
type zipWriter struct {
	zw    *zip.Writer
	mtime time.Time
	small *flate.Writer // for files that one CPU compresses
	large gzipWriter    // for all other files
	it    item          // the current one
	buf   []byte
}

func (z *zipWriter) write(it item) error {
	h := &zip.FileHeader{Name: it.name, Method: zip.Store, Modified: z.mtime}
	switch it.kind {
	case kindDir:
		h.Name += "/"
		h.SetMode(fs.ModeDir | it.mode)
	case kindLink:
		h.SetMode(fs.ModeSymlink | it.mode)
	default:
		h.SetMode(it.mode)
		h.Method = zip.Deflate
	}
	z.it = it
	w, err := z.zw.CreateHeader(h)
	if err != nil {
		return err
	}
	if it.kind == kindLink {
		_, err = io.WriteString(w, it.target)
		return err
	}
	return it.copyTo(w, z.buf)
}

// compressor is a zip.Compressor for the current item.
func (z *zipWriter) compressor(w io.Writer) (io.WriteCloser, error) {
	if z.it.size <= gzipBlockSize {
		z.small.Reset(w)
		return z.small, nil
	}
	z.large.reset(newRawDeflate(w))
	return &z.large, nil
}

// checkPortable returns an error for paths that differ only in case and for names that
// Windows cannot hold.
func checkPortable(items []item) error {
	var errs []error
	folded := make(map[string]string, len(items))
	for _, it := range items {
		// Up, then down: some letters have one upper but two lower cases.
		key := strings.ToLower(strings.ToUpper(it.name))
		if other, ok := folded[key]; ok {
			errs = append(errs, fmt.Errorf("paths %q and %q differ only in case", other, it.name))
		}
		folded[key] = it.name
		if problem := windowsProblem(path.Base(it.name)); problem != "" {
			errs = append(errs, fmt.Errorf("path %q cannot be unpacked on Windows: it %s", it.name, problem))
		}
	}
	return errors.Join(errs...)
}

// windowsProblem returns why Windows cannot hold a file of that name, or "".
func windowsProblem(name string) string {
	if strings.ContainsAny(name, `<>:"|?*`) {
		return `has one of <>:"|?*`
	}
	if strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
		return "ends in a dot or a space"
	}
	device, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch device = strings.TrimRight(device, " "); device {
	case "CON", "PRN", "AUX", "NUL":
		return "is the name of a device"
	}
	if n := len(device) - 1; n == 3 && (device[:n] == "COM" || device[:n] == "LPT") && '0' <= device[n] && device[n] <= '9' {
		return "is the name of a device"
	}
	return ""
}
