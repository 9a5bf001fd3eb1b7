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

// WriteZip writes entries to w as a zip (PKWARE APPNOTE 6.3.10), with order,
// parent directories, checks and determinism as WriteTar has them.
//
// Files are deflated (method 8): large ones with NewGzipWriter's compressor, on all
// CPUs, and those of one block on one. Links and directories are stored. The CRC-32 and the sizes of a file follow its data
// (flag bit 3), so that w need not seek; Zip64 records appear where a number does
// not fit into 32 bits. Names outside ASCII carry the UTF-8 flag (bit 11). The
// external attributes hold the Unix mode. The time stands in UTC in the MS-DOS
// fields, which hold even seconds, and exactly in the extended timestamp field
// (0x5455), so that readers agree in every time zone.
//
// A zip's time starts at 1980-01-01T00:00:00Z: an earlier Options.ModTime is
// written as that. Later than 2105 is an error. Windows and macOS unpack zips
// too: two paths that are equal but for case are an error, as is a name that
// Windows cannot hold.
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

// zipTime returns the modification time that a zip gets. MS-DOS time starts in
// 1980, and the 32 bits of the extended timestamp end in 2106.
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
	it    item          // which is being written
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

// compressor is the zip.Compressor of the file that is being written.
func (z *zipWriter) compressor(w io.Writer) (io.WriteCloser, error) {
	if z.it.size <= gzipBlockSize {
		z.small.Reset(w)
		return z.small, nil
	}
	z.large.reset(newRawDeflate(w))
	return &z.large, nil
}

// checkPortable returns an error for each two paths that differ in case only,
// and for each name that Windows cannot hold.
func checkPortable(items []item) error {
	var errs []error
	folded := make(map[string]string, len(items))
	for _, it := range items {
		// Up, then down: some letters have one upper but two lower cases.
		key := strings.ToLower(strings.ToUpper(it.name))
		if other, ok := folded[key]; ok {
			errs = append(errs, fmt.Errorf("paths %q and %q are equal but for case", other, it.name))
		}
		folded[key] = it.name
		if problem := windowsProblem(path.Base(it.name)); problem != "" {
			errs = append(errs, fmt.Errorf("path %q cannot be unpacked on Windows: it %s", it.name, problem))
		}
	}
	return errors.Join(errs...)
}

// windowsProblem says why Windows cannot hold a file of that name, or nothing.
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
