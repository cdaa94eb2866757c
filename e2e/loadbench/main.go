// Command loadbench prints what a token costs the server, beside a bare Echo with a constant answer: CPU per request,
// throughput and p99, each server on one core in turn, round by round, with wrk on another core; then the time from start
// to the first answer, and memory. It needs Linux with taskset and wrk.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"videosdk-auth-endpoint/e2e/parts"
)

const readme = `{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"}`

// script is what wrk sends: the README's request, filled up to a size with white space. At a rate each connection waits
// before its next request, for a time that differs, so that they don't all come at once.
func (l load) script() string {
	lua := fmt.Sprintf(`wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '%s' .. string.rep(' ', %d)
`, readme, max(0, l.body-len(readme)))
	if l.rate > 0 {
		lua += fmt.Sprintf("function delay() return math.random(0, %.0f) end\n", 2000*float64(l.connections)/l.rate)
	}
	return lua
}

type variant struct {
	name, command string // {port} stands for the port, which is in PORT too
	env           []string
	path          string // of the token route, without its slash
	bearer        string // what requests are authorized with; empty: nothing
	results       []result
	bare          []result // (a)'s right before each, as the machine's speed drifts
}

// load is what wrk does to a server.
type load struct {
	cores       string // of the server; wrk has core 1, and uses all when the server does
	connections int
	body        int // bytes; smaller than the README's request: that
	seconds     int
	rate        float64 // requests per second; 0: as many as it answers
}

type result struct {
	cpu, rps, p99     float64 // µs per request, requests per second, ms
	start, idle, load float64 // ms to the first answer, MiB before and after the load
}

func main() {
	bin := flag.String("bin", "bin", "the folder of the binaries")
	rounds := flag.Int("rounds", 5, "how often each server is measured; the table shows medians")
	seconds := flag.Int("seconds", 4, "how long each measurement takes")
	connections := flag.Int("connections", 64, "keep-alive connections")
	more := flag.Bool("grow", false, "measure with one core and two, with 1 to 10,000 connections and with larger bodies instead")
	request := flag.Int("within", 0, "find the rate that a Pod with this CPU request, in thousandths of a core, answers within it instead")
	sample := flag.String("sample", "", "a checkout of Zoom's Node sample after npm ci, to measure it too")
	flag.Parse()
	l := load{cores: "0", connections: *connections, seconds: *seconds}
	bench := func(ctx context.Context, dir string) error { return compare(ctx, dir, *bin, *sample, *rounds, l) }
	if *more {
		bench = func(ctx context.Context, dir string) error { return grow(ctx, dir, *bin, *rounds, l) }
	}
	if *request > 0 {
		bench = func(ctx context.Context, dir string) error { return within(ctx, dir, *bin, *rounds, *request, l) }
	}
	if err := run(context.Background(), bench); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, bench func(ctx context.Context, dir string) error) error {
	dir, err := os.MkdirTemp("", "loadbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// wrk needs a descriptor for each connection
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	files.Cur = files.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	return bench(ctx, dir)
}

var credentials = []string{"ZOOM_VIDEO_SDK_KEY=key", "ZOOM_VIDEO_SDK_SECRET=secret"}

// compare sets the service, with all that can be turned on, beside other servers.
func compare(ctx context.Context, dir, bin, sample string, rounds int, l load) error {
	collector, endpoint, err := startCollector(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = collector.Process.Kill() }()

	traced := func(share string) []string {
		return append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=" + share}, credentials...)
	}
	provider, err := startProvider()
	if err != nil {
		return err
	}
	defer provider.Close()
	const policy = `AUTH_POLICY=request.role == 0 || "teachers" in caller.claims.groups`
	users := append([]string{policy, "AUTH_ISSUER=" + provider.URL, "AUTH_AUDIENCE=app"}, credentials...)
	keys := filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte(apiKeyLine), 0o600); err != nil {
		return err
	}
	backends := append([]string{`AUTH_POLICY=request.role == 0 || caller.subject == "backend"`, "AUTH_API_KEYS_FILE=" + keys}, credentials...)
	variants := []*variant{
		{name: "(a) bare Echo, constant answer", command: "bareecho"},
		{name: "(a') Echo, encoding/json and golang-jwt, no rule, metric or log", command: "bareecho -sign"},
		{name: "(b) this service, metrics and log", command: "videosdk-auth-endpoint", env: credentials},
		{name: "(b') the same with LOG_LEVEL=error", command: "videosdk-auth-endpoint", env: append([]string{"LOG_LEVEL=error"}, credentials...)},
		{name: "(c) tracing 10 % to a collector", command: "videosdk-auth-endpoint", env: traced("0.1")},
		{name: "(d) tracing 100 % to a collector", command: "videosdk-auth-endpoint", env: traced("1")},
		{name: "(e) API key and policy", command: "videosdk-auth-endpoint", env: backends, bearer: apiKey},
		{name: "(f) user's token by ES256 and policy", command: "videosdk-auth-endpoint", env: users, bearer: provider.es256},
		{name: "(g) user's token by RS256 and policy", command: "videosdk-auth-endpoint", env: users, bearer: provider.rs256},
		{name: "(h) open, with RATE_LIMIT", command: "videosdk-auth-endpoint", env: append([]string{"RATE_LIMIT=1000000", "RATE_LIMIT_BURST=1000000"}, credentials...)},
		{name: "bare Echo with the three spans, 10 %", command: "tracedecho", env: traced("0.1")},
		{name: "bare Echo with the three spans, 100 %", command: "tracedecho", env: traced("1")},
		{name: "podinfo's /token, its log at error", command: "podinfo --port={port} --level=error", path: "token"},
	}
	for _, v := range variants {
		v.command = filepath.Join(bin, v.command)
	}
	if sample != "" {
		variants = append(variants, &variant{name: "Zoom's Node sample", command: "node " + filepath.Join(sample, "src", "index.js"), env: credentials})
	}
	bare := variants[0]
	for range rounds {
		for _, v := range variants {
			for _, m := range []struct {
				*variant
				into *[]result
			}{{bare, &v.bare}, {v, &v.results}} {
				r, err := measure(ctx, m.variant, dir, l)
				if err != nil {
					return fmt.Errorf("%s: %w", m.name, err)
				}
				*m.into = append(*m.into, r)
			}
		}
	}
	fmt.Printf("%d rounds of %d s, %d connections, medians; ratios are medians of the rounds' ratios to the (a) measured just before\n\n", rounds, l.seconds, l.connections)
	fmt.Println("| | CPU µs/request | ratio | requests/s | ratio | p99 ms | ratio |\n|---|---|---|---|---|---|---|")
	column := func(v *variant, get func(result) float64) (value, ratio float64) {
		var ratios []float64
		for i, r := range v.results {
			ratios = append(ratios, get(r)/get(v.bare[i]))
		}
		return v.median(get), median(ratios)
	}
	for _, v := range variants {
		cpu, cpuRatio := column(v, func(r result) float64 { return r.cpu })
		rps, rpsRatio := column(v, func(r result) float64 { return r.rps })
		p99, p99Ratio := column(v, func(r result) float64 { return r.p99 })
		fmt.Printf("| %s | %.1f | %.2f | %.0f | %.2f | %.2f | %.2f |\n", v.name, cpu, cpuRatio, rps, rpsRatio, p99, p99Ratio)
	}
	fmt.Println("\n| | start to first 200, ms | idle, MiB | after the load, MiB |\n|---|---|---|---|")
	for _, v := range variants {
		start, _ := column(v, func(r result) float64 { return r.start })
		idle, _ := column(v, func(r result) float64 { return r.idle })
		load, _ := column(v, func(r result) float64 { return r.load })
		fmt.Printf("| %s | %.1f | %.1f | %.1f |\n", v.name, start, idle, load)
	}
	return nil
}

// grow sets the service beside a bare Echo while the load, or the machine, grows.
func grow(ctx context.Context, dir, bin string, rounds int, l load) error {
	with := func(change func(*load)) load {
		other := l
		change(&other)
		return other
	}
	var loads []load
	for _, cores := range []string{"0", "0,1"} {
		loads = append(loads, with(func(l *load) { l.cores = cores }))
	}
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		loads = append(loads, with(func(l *load) { l.connections = n }))
	}
	for _, size := range []int{1 << 10, 10 << 10, 100 << 10} {
		loads = append(loads, with(func(l *load) { l.body = size }))
	}
	fmt.Printf("%d rounds of %d s, medians; a bare Echo's figures stand behind the service's\n\n", rounds, l.seconds)
	fmt.Println("| cores | connections | body, bytes | requests/s | CPU µs/request | p99 ms | resident after, MiB |\n|---|---|---|---|---|---|---|")
	for _, l := range loads {
		// the bare one answers without reading the body, as net/http then does
		variants := []*variant{{command: filepath.Join(bin, "videosdk-auth-endpoint"), env: credentials}, {command: filepath.Join(bin, "bareecho")}}
		for range rounds {
			for _, v := range variants {
				r, err := measure(ctx, v, dir, l)
				if err != nil {
					return fmt.Errorf("%+v: %w", l, err)
				}
				v.results = append(v.results, r)
			}
		}
		fmt.Printf("| %d | %d | %d |", 1+strings.Count(l.cores, ","), l.connections, max(l.body, len(readme)))
		for _, c := range []struct {
			format string
			get    func(result) float64
		}{
			{"%.0f", func(r result) float64 { return r.rps }},
			{"%.1f", func(r result) float64 { return r.cpu }},
			{"%.2f", func(r result) float64 { return r.p99 }},
			{"%.1f", func(r result) float64 { return r.load }},
		} {
			fmt.Printf(" "+c.format+" / "+c.format+" |", variants[0].median(c.get), variants[1].median(c.get))
		}
		fmt.Println()
	}
	return nil
}

func (v *variant) median(get func(result) float64) float64 {
	var values []float64
	for _, r := range v.results {
		values = append(values, get(r))
	}
	return median(values)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func startCollector(ctx context.Context, dir string) (*exec.Cmd, string, error) {
	otelcol, err := parts.Find("otelcol")
	if err != nil {
		return nil, "", err
	}
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	config := fmt.Sprintf(`
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:%d"}}}}
exporters: {nop: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}, telemetry: {metrics: {level: none}, logs: {level: error}}}
`, port)
	file := filepath.Join(dir, "otelcol.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", "1", otelcol, "--config=file:"+file)
	cmd.Stderr = os.Stderr
	endpoint := fmt.Sprintf("http://127.0.0.1:%d", port)
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	return cmd, endpoint, wait(ctx, endpoint, "", func(int) bool { return true })
}

// wait returns when a token request has a good answer.
func wait(ctx context.Context, url, bearer string, good func(status int) bool) error {
	for range 20000 {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"sessionName":"a","role":1}`))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		if bearer != "" {
			request.Header.Set("Authorization", "Bearer "+bearer)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			if err := response.Body.Close(); err != nil || good(response.StatusCode) {
				return err
			}
		}
		time.Sleep(500 * time.Microsecond)
	}
	return fmt.Errorf("%s has no good answer", url)
}

var (
	requestsLine = regexp.MustCompile(`(\d+) requests in`)
	rpsLine      = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	p99Line      = regexp.MustCompile(`99%\s+([\d.]+)(us|ms|s)`)
	failedLine   = regexp.MustCompile(`(?m)^.*(Non-2xx|Socket errors).*$`)
)

func measure(ctx context.Context, v *variant, dir string, l load) (r result, err error) {
	lua := filepath.Join(dir, "post.lua")
	if err := os.WriteFile(lua, []byte(l.script()), 0o600); err != nil {
		return r, err
	}
	port, err := freePort()
	if err != nil {
		return r, err
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return r, err
	}
	defer output.Close()
	command := strings.Fields(strings.ReplaceAll(v.command, "{port}", strconv.Itoa(port)))
	server := exec.CommandContext(ctx, "taskset", append([]string{"-c", l.cores}, command...)...)
	server.Env = append(v.env, fmt.Sprintf("PORT=%d", port), "BODY_LIMIT=100KiB", "PATH="+os.Getenv("PATH"))
	server.Stdout, server.Stderr = output, output
	begun := time.Now()
	if err := server.Start(); err != nil {
		return r, err
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	url := fmt.Sprintf("http://127.0.0.1:%d/%s", port, v.path)
	if err := wait(ctx, url, v.bearer, func(status int) bool { return status == http.StatusOK }); err != nil {
		return r, err
	}
	r.start = float64(time.Since(begun).Microseconds()) / 1000
	if r.idle, err = memory(server.Process.Pid); err != nil {
		return r, err
	}
	wrkCores, threads := "1", "-t1"
	if l.cores != "0" {
		wrkCores = l.cores
		threads = "-t" + strconv.Itoa(min(2, l.connections))
	}
	wrk := func(seconds int) (string, error) {
		args := []string{"-c", wrkCores, "wrk", threads, "-c" + strconv.Itoa(l.connections), fmt.Sprintf("-d%ds", seconds), "--timeout=10s", "--latency", "-s", lua}
		if v.bearer != "" {
			args = append(args, "-H", "Authorization: Bearer "+v.bearer)
		}
		out, err := exec.CommandContext(ctx, "taskset", append(args, url)...).CombinedOutput()
		if failed := failedLine.Find(out); err == nil && failed != nil {
			err = fmt.Errorf("requests failed: %s", bytes.TrimSpace(failed))
		}
		return string(out), err
	}
	if _, err := wrk(1); err != nil {
		return r, err
	}
	before, err := cpu(server.Process.Pid)
	if err != nil {
		return r, err
	}
	out, err := wrk(l.seconds)
	if err != nil {
		return r, err
	}
	after, err := cpu(server.Process.Pid)
	if err != nil {
		return r, err
	}
	n, rps, p99 := requestsLine.FindStringSubmatch(out), rpsLine.FindStringSubmatch(out), p99Line.FindStringSubmatch(out)
	if n == nil || rps == nil || p99 == nil {
		return r, fmt.Errorf("wrk said: %s", out)
	}
	if r.load, err = memory(server.Process.Pid); err != nil {
		return r, err
	}
	number := func(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f }
	r.cpu = (after - before) / number(n[1]) * 1e6
	r.rps = number(rps[1])
	r.p99 = number(p99[1]) * map[string]float64{"us": 1e-3, "ms": 1, "s": 1e3}[p99[2]]
	return r, nil
}

// cpu is the time in seconds that a process has spent, in user and system mode.
func cpu(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// behind the name, which stands in brackets: utime and stime are fields 14 and 15, in ticks of 10 ms
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks float64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return ticks / 100, nil
}

// memory is the resident memory of a process in MiB.
func memory(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		return 0, fmt.Errorf("no VmRSS of %d", pid)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	return n / 1024, err
}
