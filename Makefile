GOLANGCI_LINT = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VALE          = CGO_ENABLED=1 go run github.com/vale-cli/vale/v3/cmd/vale@v3.21.0
PODINFO       = github.com/stefanprodan/podinfo/cmd/podinfo@v1.8.1-0.20250910200901-e86405a8674e
VERSION      ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION     ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
IMAGE        ?= videosdk-auth-endpoint:$(VERSION)
BUILDER      ?= docker build

# Whose repository this is: github.com/example/videosdk-auth-endpoint. `make owner TO=team` changes it everywhere.
OWNER         = example

FUZZTIME     ?= 10m
# for make resilience: empty where the machine does other things too
P99          ?= -p99

# for make bench-request: the chart's default
CPU          ?= 100

# for make browser: Debian's Chromium, or another one
CHROMIUM     ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

# for make e2e: the ingress controller of the cluster that KUBECONFIG names
INGRESS      ?= http://127.0.0.1
INGRESSCLASS ?= traefik

# One way to compile, so that what is compiled for one target serves all; only the race detector needs cgo.
export CGO_ENABLED = 0

.PHONY: help run test unit parts suites api browser screenshots integration auth chart resilience e2e e2e-published manifests dashboard race lint prose fmt bench bench-load bench-grow bench-request fuzz vulncheck build image vm release-dry-run owner

help: ## list the targets
	@sed -n 's/^\([a-zA-Z0-9_-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: ## serve, with the settings of the environment and .env
	go run .

test: unit parts browser suites ## run all tests; the first time builds the programs that they run beside the service, and says so

unit: ## run the tests that need nothing but Go
	go vet ./...
	go test ./...

PARTS = cd e2e && go run ./parts/build

parts: ## build the programs that the tests run beside the service, once: Prometheus, the OpenTelemetry Collector, oauth2-proxy, Helm and others
	@$(PARTS)

suites: parts
	@echo "== api, integration, auth, chart: compiles them, then runs two at a time; each says when it is done"
	cd e2e && go vet ./... && go test -count=1 -timeout 30m ./...

api: ## hold the API's description to OpenAPI 3.1, and the service to its description
	cd e2e/api && go vet ./... && go test -count=1 -timeout 10m ./...

browser: e2e/browser/bin ## try the page, and what Zoom's samples do, in a real Chromium, with Zoom's own packages; needs Node.js 18.19 or newer, npm, Python 3 and Chromium
	cd e2e/browser && CHROMIUM="$(CHROMIUM)" node --test --test-reporter=spec

screenshots: e2e/browser/bin ## make the pictures in docs/ anew; needs the same
	cd e2e/browser && CHROMIUM="$(CHROMIUM)" node --test --test-reporter=spec screenshots.js

.PHONY: e2e/browser/bin
e2e/browser/bin:
	@command -v node >/dev/null && command -v npm >/dev/null && command -v python3 >/dev/null && test -n "$(CHROMIUM)" || \
		{ echo "this needs Node.js, npm, Python 3 and Chromium; on Debian: apt-get install nodejs npm python3 chromium" >&2; exit 1; }
	go build -o e2e/browser/bin/videosdk-auth-endpoint .
	cd e2e/browser && npm ci --no-fund --no-audit

integration: ## run the tests against the real Prometheus and OpenTelemetry Collector
	@$(PARTS) prometheus promtool otelcol
	cd e2e && go vet . ./otelcol ./loadbench/... ./dashboard/... && go test -count=1 -timeout 30m . ./dashboard

auth: ## run the tests against a real OpenID provider and oauth2-proxy
	@$(PARTS) oauth2-proxy
	cd e2e/auth && go vet ./... && go test -count=1 -timeout 30m ./...

chart: ## test the chart and k8s/ by Helm 3 and 4, helm-unittest, kubeconform, promtool, Pod Security and kube-score
	@$(PARTS) helm3 helm4 helm-unittest helm-docs kubeconform kube-score promtool
	cd e2e/chart && go vet ./... && go test -count=1 -timeout 30m ./...

vm: ## try the systemd unit, and nginx and Caddy in front, as docs/vm.md has them; needs systemd, nginx and Caddy
	cd e2e && go vet ./vm && go test -count=1 -timeout 5m ./vm

resilience: ## put the binary among hostile clients, behind an nginx while it restarts, and take away what it depends on; ten minutes, needs Linux and nginx
	cd e2e && go test -tags resilience -count=1 -timeout 30m -parallel 12 -v ./resilience $(P99)

e2e: ## install IMAGE on the cluster of KUBECONFIG, with kubectl and helm, and disturb it under load; NODE=1 where this machine is the node
	@$(PARTS) helm3 $(if $(NODE),prometheus metrics-server kube-router)
	cd e2e && go test -tags cluster ./cluster -count=1 -v -timeout 30m -image $(IMAGE) -ingress $(INGRESS) -ingress-class $(INGRESSCLASS) $(if $(NODE),-node)

e2e-published: ## install the chart PUBLISHED (oci://…), of VERSION, from its registry on the cluster of KUBECONFIG
	cd e2e && go test -tags cluster ./cluster -run TestPublishedChart -count=1 -v -timeout 10m -published $(PUBLISHED) -version $(VERSION)

manifests: ## render k8s/base from the chart
	cd e2e/chart && go run ./manifests ../../k8s/base

dashboard: ## make the chart's Grafana dashboard anew
	cd e2e && go run ./dashboard/write ../charts/videosdk-auth-endpoint/files/dashboard.json

race: ## run all tests with the race detector
	CGO_ENABLED=1 go test -race ./...

lint: prose ## run the linters, of the documentation too
	$(GOLANGCI_LINT) run ./...
	cd e2e && $(GOLANGCI_LINT) run --build-tags cluster,resilience ./...
	cd e2e/vulncheck && $(GOLANGCI_LINT) run ./...

prose: ## hold the documentation to the rules of .vale/; builds Vale first, which takes minutes and needs a C compiler
	$(VALE) $$(git ls-files '*.md')

fmt: ## format the code
	$(GOLANGCI_LINT) fmt ./...

bench: ## run the benchmarks, ours beside their references
	go test -run '^$$' -bench . ./signer ./handler/...

bench-load: ## print the CPU per request beside a bare Echo, podinfo, and with SAMPLE=DIR Zoom's Node sample; needs Linux, wrk and two cores
	go build -o e2e/bin/videosdk-auth-endpoint .
	GOBIN=$(CURDIR)/e2e/bin go install $(PODINFO)
	cd e2e && go build -o bin/ ./loadbench/bareecho ./loadbench/tracedecho && go run ./loadbench $(if $(SAMPLE),-sample $(abspath $(SAMPLE)))

bench-grow: ## print throughput, CPU, p99 and memory with one core and two, 1 to 10,000 connections, and larger bodies; needs the same
	go build -o e2e/bin/videosdk-auth-endpoint .
	cd e2e && go build -o bin/ ./loadbench/bareecho && go run ./loadbench -grow -rounds 3

bench-request: ## print how many requests a second one replica answers within its CPU request of CPU=100, in thousandths of a core; needs the same
	go build -o e2e/bin/videosdk-auth-endpoint .
	cd e2e && go run ./loadbench -within $(CPU)

fuzz: ## run each fuzz test for FUZZTIME
	go test ./handler -run '^$$' -fuzz FuzzToken -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./handler -run '^$$' -fuzz FuzzHeaders -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./handler -run '^$$' -fuzz FuzzRequests -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./handler -run '^$$' -fuzz FuzzConfig -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./signer -run '^$$' -fuzz FuzzInspect -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./signer -run '^$$' -fuzz FuzzFindToken -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./internal/env -run '^$$' -fuzz FuzzParse -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./internal/guard -run '^$$' -fuzz FuzzAuthorization -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./internal/guard -run '^$$' -fuzz FuzzKeySet -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./internal/guard -run '^$$' -fuzz FuzzAPIKeysFile -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./internal/guard -run '^$$' -fuzz FuzzPolicy -fuzztime $(FUZZTIME) -fuzzminimizetime 5x
	go test ./internal/policytest -run '^$$' -fuzz FuzzParse -fuzztime $(FUZZTIME) -fuzzminimizetime 5x

vulncheck: ## fail on known vulnerabilities that .vex/ does not explain; VULNDB=https://vuln.go.dev asks the newest database
	cd e2e/vulncheck && go run . -db "$(VULNDB)" -os linux,darwin,windows -vex ../../.vex/videosdk-auth-endpoint.openvex.json ../..
	cd e2e/vulncheck && go run . -db "$(VULNDB)" -test -tags cluster,resilience -vex tests.openvex.json .. .

build: ## build bin/videosdk-auth-endpoint
	go build -trimpath -ldflags="-s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)" -o bin/videosdk-auth-endpoint .

image: ## build the container image IMAGE
	$(BUILDER) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) -t $(IMAGE) .

release-dry-run: ## make twice what a release has, into dist/dry-run/dist/release, and compare; needs buildah, Helm and the base images or stand-ins for them
	.ci/release-dry-run twice

owner: ## move the repository's address, wherever it is named, to the owner TO
	git grep -lE '(github\.com|ghcr\.io|raw\.githubusercontent\.com)/$(OWNER)/(charts/)?videosdk-auth-endpoint' | \
		xargs sed -i -E 's#(github\.com|ghcr\.io|raw\.githubusercontent\.com)/$(OWNER)/((charts/)?videosdk-auth-endpoint|charts)#\1/$(TO)/\2#g'
	sed -i 's/^OWNER  .*/OWNER         = $(TO)/' Makefile
