package env

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Names are the variables that Load reads for these specs.
func Names(specs ...any) []string {
	var names []string
	for _, spec := range specs {
		for field := range reflect.TypeOf(spec).Elem().Fields() {
			names = append(names, field.Tag.Get("envconfig"))
		}
	}
	return names
}

// Misspelt returns a warning for each variable of the environment that seems to be meant for this service, but isn't
// one of the known names. It doesn't show values.
func Misspelt(environ, known []string) []string {
	set := map[string]bool{}
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		set[name] = true
	}
	missing := func(name string) bool { return !set[name] }
	var warnings []string
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(known, name) || serviceLink.MatchString(entry) {
			continue
		}
		meant, suspect := meaning(strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(name)), known)
		// Zoom's other products share the prefix, so that their variables may stand beside ours
		if !suspect || strings.HasPrefix(name, "ZOOM_") && !slices.ContainsFunc(meant, missing) {
			continue
		}
		warning := name + " is not a variable of this service and does nothing"
		if meant != nil {
			warning += "; did you mean " + strings.Join(meant, " or ") + "?"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

// serviceLink matches what Kubernetes and Docker set for each service. For one that is called auth they set, for
// example, AUTH_SERVICE_HOST, AUTH_PORT=tcp://10.0.0.1:80 and AUTH_PORT_80_TCP_ADDR.
var serviceLink = regexp.MustCompile(
	`^\w+(_SERVICE_HOST|_SERVICE_PORT\w*|_PORT_\d+_(TCP|UDP|SCTP)\w*)=|^\w+_PORT=(tcp|udp|sctp)://`)

// families are the first words of our variables that others hardly use.
var families = []string{"AUTH", "CORS", "RATE", "SHUTDOWN", "TOKEN", "TRUSTED", "ZOOM"}

// meaning returns the known names that a name may stand for, and says whether it seems to be meant for this service.
func meaning(name string, known []string) (meant []string, suspect bool) {
	for _, k := range known {
		// many programs have a SERVICE_NAME or a CLIENT_KEY of their own
		rest := strings.Contains(name, "_") && strings.HasSuffix(k, "_"+name) && !strings.HasPrefix(k, "OTEL_")
		// the lengths spare most of the work: in a cluster there may be thousands of variables
		near := max(len(name), len(k))-min(len(name), len(k)) <= typos(k) && distance(name, k) <= typos(k)
		if rest || near {
			return []string{k}, true
		}
	}
	words := strings.Split(name, "_")
	if !slices.Contains(families, words[0]) || len(words) == 1 {
		return nil, false
	}
	var best, most int // the closeness of the best names so far, and the words that they have in common with this one
	for _, k := range known {
		theirs := strings.Split(k, "_")
		common := inCommon(words, theirs)
		if theirs[0] != words[0] || common < 2 {
			continue
		}
		// more words in common are closer, and of the same number the shorter name
		switch closeness := 100*common - len(theirs); {
		case closeness > best:
			best, most, meant = closeness, common, []string{k}
		case closeness == best:
			meant = append(meant, k)
		}
	}
	return meant, words[0] != "ZOOM" || most >= min(3, len(words))
}

func inCommon(words, others []string) int {
	n := 0
	for _, word := range words {
		if slices.ContainsFunc(others, func(other string) bool { return alike(word, other) }) {
			n++
		}
	}
	return n
}

// alike says that two words differ by their endings at most, as ORIGIN and ORIGINS do, PROXY and PROXIES, ALLOW and
// ALLOWED.
func alike(a, b string) bool {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a == b || n >= max(3, min(len(a), len(b))-1)
}

// typos is how many letters may be wrong in a name before it is another name. Short ones are too close to other words,
// and OpenTelemetry's to one another.
func typos(name string) int {
	switch {
	case len(name) < 6:
		return 0
	case len(name) < 8 || strings.HasPrefix(name, "OTEL_"):
		return 1
	default:
		return 2
	}
}

// distance is how many letters must be added, dropped, replaced, or swapped with the next one, to make b of a.
func distance(a, b string) int {
	d := make([][]int, len(a)+1) // between the beginnings of a and of b, by their lengths
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			d[i][j] = min(d[i-1][j], d[i][j-1], d[i-1][j-1]) + 1
			if a[i-1] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-1][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
