package files_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/files"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	for _, content := range []string{"text\r\n", "\ufefftext\r\n"} {
		if text, err := files.Read(write(t, dir+"/good", content)); err != nil || text != "text\r\n" {
			t.Errorf("%q, %v", text, err)
		}
	}
	forbidden := write(t, dir+"/forbidden", "hidden")
	if err := os.Chmod(forbidden, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"nothing there", dir + "/nowhere", "there is no such file"},
		{"a directory", dir, "this is a directory, want a file"},
		{"a file for a directory", dir + "/good/file", "not a directory"},
		{"somebody else's", forbidden, "no permission to read the file"},
		{"UTF-16, little endian", write(t, dir+"/le", "\xff\xfeh\x00i\x00"), "the file is UTF-16, as Windows writes it; save it as UTF-8"},
		{"UTF-16, big endian", write(t, dir+"/be", "\xfe\xff\x00h\x00i"), "the file is UTF-16, as Windows writes it; save it as UTF-8"},
		{"UTF-16 without its mark", write(t, dir+"/bare", "h\x00i\x00"), "the file is UTF-16, as Windows writes it; save it as UTF-8"},
		{"a program", write(t, dir+"/binary", "\x7fELF\x00"), "the file is not text"},
		{"endless", "/dev/zero", "the file is larger than 1 MiB"},
		{"a path that no system takes", strings.Repeat("hidden", 1000), "file name too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.path == forbidden && os.Getuid() == 0 {
				t.Skip("root may read everything")
			}
			if _, err := files.Read(c.path); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestSameGeneration(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"/..1", "/other"} {
		if err := os.Mkdir(dir+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	plain, err := filepath.EvalSymlinks(dir + "/other")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..1", dir+"/..data"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"/other", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		paths, want []string
	}{
		{"a mounted Secret", []string{dir + "/key", dir + "/secret"}, []string{filepath.Dir(plain) + "/..1/key", filepath.Dir(plain) + "/..1/secret"}},
		{"a link to a directory", []string{dir + "/link/key", dir + "/link/secret"}, []string{plain + "/key", plain + "/secret"}},
		{"two directories", []string{dir + "/link/key", dir + "/secret"}, []string{dir + "/link/key", dir + "/secret"}},
		{"one file", []string{dir + "/key", ""}, []string{dir + "/key", ""}},
		{"none", []string{"", ""}, []string{"", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := files.SameGeneration(c.paths...); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestUnused(t *testing.T) {
	mount := func(names ...string) string {
		dir := t.TempDir()
		for _, name := range names {
			write(t, filepath.Join(dir, name), "")
		}
		return dir
	}
	secret := mount("..data", "key", "secret", "secrt", "..2026_11_25")
	for _, c := range []struct {
		name, dir   string
		paths, want []string
	}{
		{"an entry that no path leads to", secret, []string{secret + "/key", secret + "/secret"}, []string{"secrt"}},
		{"paths that are written in other ways", secret, []string{secret + "//key", secret + "/./secret", secret + "/a/../secrt"}, nil},
		{"the same name elsewhere", secret, []string{"/elsewhere/key", "secret", secret + "/secrt"}, []string{"key", "secret"}},
		{"an ordinary directory", mount("key", "secrt"), nil, nil},
		{"no directory", "/nowhere", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := files.Unused(c.dir, c.paths); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestWatch: what is read counts once two reads in a row agree, and each change is handed on once.
func TestWatch(t *testing.T) {
	path := write(t, t.TempDir()+"/file", "one")
	ticks, done, seen := make(chan time.Time), make(chan bool), make(chan string, 10)
	read := func() (string, error) {
		defer func() { done <- true }() // the file may change only when it was read
		return files.Read(path)
	}
	go files.Watch(t.Context(), ticks, "one", read, func(text string) { seen <- text }, func(err error) { seen <- "error: " + err.Error() })
	tick := func(n int) {
		for range n {
			ticks <- time.Time{}
			<-done
		}
	}
	tick(3)
	write(t, path, "half of tw")
	tick(1)
	write(t, path, "two")
	tick(4)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	tick(4)
	write(t, path, "two")
	tick(4)
	close(seen)
	var got []string
	for text := range seen {
		got = append(got, text)
	}
	if want := []string{"two", "error: there is no such file", "two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
