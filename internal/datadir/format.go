package datadir

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Layout is the version of the data directory's layout that this build reads
// and writes.
const Layout = 1

const (
	formatMagic  = "redkite data directory"
	layoutField  = "layout: "
	writerField  = "writer: "
	crcField     = "crc32c: "
	maxFormatLen = 4096
)

// VersionError reports a FORMAT whose layout this build does not know.
type VersionError struct {
	// Path is the data directory.
	Path string
	// Found is the layout that FORMAT names; Layout is the one known.
	Found int
	// Writer is the version of the program that wrote FORMAT.
	Writer string
}

func (e *VersionError) Error() string {
	age := "an older"
	if e.Found > Layout {
		age = "a newer"
	}
	return fmt.Sprintf("datadir: %s has layout %d, written by %s version of Red Kite (%s); this version knows layout %d only",
		e.Path, e.Found, age, e.Writer, Layout)
}

// format is the content of FORMAT.
type format struct {
	layout int
	writer string
}

// encode returns the file's bytes. Every later layout keeps the first line,
// the two fields and the checksum as the last line, so that any version can
// name any other.
func (f format) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s%d\n%s%s\n", formatMagic, layoutField, f.layout, writerField, strings.Join(strings.Fields(f.writer), " "))
	fmt.Fprintf(&b, "%s%08x\n", crcField, checksum(b.Bytes()))
	return b.Bytes()
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// decodeFormat parses the file's bytes. Fields that it does not know are
// skipped: a later layout may have added them.
func decodeFormat(b []byte) (format, error) {
	var f format
	at := bytes.LastIndex(b, []byte("\n"+crcField)) + 1
	if at == 0 {
		return f, errors.New("no checksum")
	}
	body, tail := b[:at], string(b[at:])
	want := fmt.Sprintf("%s%08x\n", crcField, checksum(body))
	if tail != want {
		return f, errors.New("checksum does not match")
	}
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if lines[0] != formatMagic {
		return f, fmt.Errorf("first line is %q", lines[0])
	}
	for _, line := range lines[1:] {
		if v, ok := strings.CutPrefix(line, layoutField); ok {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				return f, fmt.Errorf("layout is %q", v)
			}
			f.layout = n
		} else if v, ok := strings.CutPrefix(line, writerField); ok {
			f.writer = v
		}
	}
	if f.layout == 0 {
		return f, errors.New("no layout")
	}
	return f, nil
}

func readFormat(path string) (format, error) {
	file, err := os.Open(path)
	if err != nil {
		return format{}, fmt.Errorf("datadir: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(file, maxFormatLen+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return format{}, fmt.Errorf("datadir: read %s: %w", path, err)
	}
	if len(b) > maxFormatLen {
		return format{}, fmt.Errorf("%w: %s is longer than %d bytes", ErrDamaged, path, maxFormatLen)
	}
	f, err := decodeFormat(b)
	if err != nil {
		return format{}, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	return f, nil
}

// writeFormat puts FORMAT in place whole and durable: temporary file, sync,
// rename, sync of the directory.
func writeFormat(dir string, f format) error {
	temp := filepath.Join(dir, formatTempName)
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	_, err = file.Write(f.encode())
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("datadir: write %s: %w", formatName, err)
	}
	if err := os.Rename(temp, filepath.Join(dir, formatName)); err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	return syncDir(dir)
}
