// Package files reads small text files that change while the service runs, such as those of a mounted Secret.
package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxSize is more than any file of credentials, keys or rules has. It keeps a wrong path from filling the memory.
const maxSize = 1 << 20

// ErrMissing is the error of a file that isn't there.
var ErrMissing = errors.New("there is no such file")

// Why a file can't be read. The path is not part of it, because somebody may have set the variable to the secret
// itself.
var (
	errDirectory = errors.New("this is a directory, want a file")
	errForbidden = errors.New("no permission to read the file")
	errTooLarge  = errors.New("the file is larger than 1 MiB")
	errUTF16     = errors.New("the file is UTF-16, as Windows writes it; save it as UTF-8")
	errBinary    = errors.New("the file is not text")
)

// Read returns the text of a file, without the byte order mark that editors on Windows put first. Its error says what
// is wrong with the file, but doesn't name it.
func Read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", explain(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return "", errDirectory
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return "", explain(err)
	case len(content) > maxSize:
		return "", errTooLarge
	}
	return decode(string(content))
}

// decode tells UTF-16 by its byte order mark, or by the zero byte that every second ASCII character has there.
func decode(text string) (string, error) {
	switch at := strings.IndexByte(text, 0); {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"), at == 0 || at == 1:
		return "", errUTF16
	case at > 0:
		return "", errBinary
	}
	return strings.TrimPrefix(text, "\ufeff"), nil
}

func explain(err error) error {
	switch at, ok := errors.AsType[*fs.PathError](err); {
	case errors.Is(err, fs.ErrNotExist):
		return ErrMissing
	case errors.Is(err, fs.ErrPermission):
		return errForbidden
	case ok:
		return at.Err
	default:
		return err
	}
}

// SameGeneration resolves the directory that all paths share, once, so that a swap between two reads can't mix old and
// new files. Kubernetes swaps ..data, a link to the directory that holds a mounted Secret's files. Paths that don't
// share a directory stay as they are.
func SameGeneration(paths ...string) []string {
	dir := filepath.Dir(paths[0])
	for _, path := range paths {
		if path == "" || filepath.Dir(path) != dir {
			return paths
		}
	}
	if data, err := filepath.EvalSymlinks(filepath.Join(dir, "..data")); err == nil {
		dir = data
	} else if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	resolved := make([]string, len(paths))
	for i, path := range paths {
		resolved[i] = filepath.Join(dir, filepath.Base(path))
	}
	return resolved
}

// Unused names the entries of a mounted Secret that no path leads to. A directory without ..data isn't such a mount.
func Unused(dir string, paths []string) []string {
	if _, err := os.Lstat(filepath.Join(dir, "..data")); err != nil {
		return nil
	}
	entries, _ := os.ReadDir(dir) // the service has read files there: if it can't any more, it says so elsewhere
	var names []string
	for _, entry := range entries {
		leads := func(path string) bool { return filepath.Clean(path) == filepath.Join(dir, entry.Name()) }
		isOwn := strings.HasPrefix(entry.Name(), "..") // a name of the kubelet's
		if !isOwn && !slices.ContainsFunc(paths, leads) {
			names = append(names, entry.Name())
		}
	}
	return names
}
