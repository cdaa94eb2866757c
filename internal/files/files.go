// Package files reads small text files that change while the service runs, such as those of a mounted Secret.
package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxSize is more than any file of credentials, keys or rules has. It keeps a wrong path from filling the memory.
const maxSize = 1 << 20

// Why a file can't be read. The path is not part of it, because somebody may have set the variable to the secret itself.
var (
	errMissing   = errors.New("there is no such file")
	errDirectory = errors.New("this is a directory, want a file")
	errForbidden = errors.New("no permission to read the file")
	errTooLarge  = errors.New("the file is larger than 1 MiB")
)

// Read returns the text of a file. Its error says what is wrong with the file, but doesn't name it.
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
	return string(content), nil
}

func explain(err error) error {
	switch at, ok := errors.AsType[*fs.PathError](err); {
	case errors.Is(err, fs.ErrNotExist):
		return errMissing
	case errors.Is(err, fs.ErrPermission):
		return errForbidden
	case ok:
		return at.Err
	default:
		return err
	}
}

// SameGeneration resolves the directory that all paths share, once, so that a swap between two reads can't mix old and
// new files. Kubernetes swaps ..data, a link to the directory that holds a mounted Secret's files. Paths that don't share
// a directory stay as they are.
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
