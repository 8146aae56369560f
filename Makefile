# Stockade. The two commands that matter: `make run` and `make test`.

GO       ?= go
LISTEN   ?= 127.0.0.1:8080
LINT     := bin/golangci-lint
LINT_VER := v2.6.2
NFPM_VER := v2.45.2

# Of the package: a version that Debian takes, and the time in it (the last commit's),
# so that the same source gives the same bytes.
VERSION  ?= 0.0.0+git$(shell git log -1 --format=%cd.%h --date=format:%Y%m%d 2>/dev/null)
ARCH     ?= $(shell $(GO) env GOARCH 2>/dev/null)
DEB_DIR  ?= bin
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

# What the product needs at run time, and what the tests need on top: Debian and Ubuntu names.
RUN_PKGS  := iptables ipset nftables iproute2 ca-certificates
TEST_PKGS := $(RUN_PKGS) gcc libc6-dev systemd debconf conntrack ffmpeg fonts-dejavu-core \
	gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
	gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav \
	gstreamer1.0-rtsp python3-gi gir1.2-gst-rtsp-server-1.0 rsyslog rsyslog-gnutls
BROWSERS := chromium chromium-browser google-chrome google-chrome-stable
AS_ROOT  := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
FUZZTIME ?= 20000x

.PHONY: run deb test test-long bench build lint fmt vet unit fuzz-brief generate typecheck deps-run deps-test deps-test-pkgs deps-browser go-ready clean

# Watch the main job: simulated cameras recorded, their stray packets blocked, both on one page.
run: go-ready deps-run build
	./bin/nvr demo --listen $(LISTEN)

build:
	$(GO) build -o bin/nvr ./cmd/nvr

# The package for Debian and Ubuntu: bin/nvr_VERSION_ARCH.deb, the program linked
# statically. A fresh site file names no port, so that installing arms nothing.
deb: go-ready
	@mkdir -p bin/deb $(DEB_DIR)
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) $(GO) build -trimpath -buildvcs=false \
		-ldflags '-s -w -X main.packagedAs=$(VERSION)' -o bin/deb/nvr ./cmd/nvr
	sed -e 's/^  ports: .*/  ports: []          # such as [enp2s0]: the network cards that cameras hang on, and nobody else/' \
		-e '/^devices:/,$$ s/^[^#]/# &/' configs/default.yaml > bin/deb/nvr.yaml
	VERSION='$(VERSION)' ARCH=$(ARCH) SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
		$(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VER) package \
		--config configs/deb/nfpm.yaml --packager deb --target $(DEB_DIR)/nvr_$(VERSION)_$(ARCH).deb

# Everything that fits in 25 minutes on two cores.
test: go-ready deps-test build vet lint unit fuzz-brief

unit:
	@$(AS_ROOT) true # the tests that boot machines ask sudo, and cannot ask a person
	$(GO) test -race -timeout 15m ./...

vet:
	@test -z "$$(gofmt -l cmd configs firewall inspect internal recorder storage streams ui)" || \
		{ echo "not gofmt'ed:"; gofmt -l cmd configs firewall inspect internal recorder storage streams ui; exit 1; }
	$(GO) vet ./...

lint: $(LINT)
	$(LINT) run --allow-parallel-runners ./...

$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VER)

# Each fuzz target for a moment, from its seeds on: FUZZTIME=1m for a longer look.
# Counted, not timed: a deadline that falls between two inputs fails the run for nothing.
fuzz-brief:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "fuzz $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x -parallel 2 $$pkg || exit 1; \
		done; done

# What takes hours: 120 kills of a recorder, 2,000 power cuts, 20 restarts of the
# whole product, a demo of ten minutes, ten million attempts to leak, every mutant
# of the ruleset, each fuzz target for two minutes.
test-long: go-ready deps-test build
	STOCKADE_LONG=1 $(GO) test -race -timeout 3h ./...
	$(MAKE) fuzz-brief FUZZTIME=2m

bench: go-ready deps-test build
	$(GO) test -run '^$$' -bench . -benchmem -timeout 1h ./...

generate:
	$(GO) generate ./...

# Types of the front end: the only thing that wants Node.
typecheck:
	cd ui/web && npm ci --silent && npx tsc --noEmit

fmt:
	gofmt -w cmd configs firewall inspect internal recorder storage streams ui

deps-run:
	@$(call install,$(RUN_PKGS))
deps-test: deps-test-pkgs deps-browser
deps-test-pkgs:
	@$(call install,$(TEST_PKGS))

# The tests of the page want a Chromium. Ubuntu has no package of it, only a
# snap: there any browser of that kind will do that is on the path.
deps-browser:
	@real() { apt-cache policy chromium 2>/dev/null | grep 'Candidate: [^(]' | grep -qv snap; }; \
	if command -v apt-get >/dev/null; then real || $(AS_ROOT) apt-get -q update >/dev/null; fi; \
	if real; then $(call install,chromium); \
	elif ! { $(foreach b,$(BROWSERS),command -v $(b) ||) false; } >/dev/null; then \
		echo "no browser for the tests of the page: run: sudo snap install chromium, or install Google Chrome, and try again"; exit 1; \
	fi

# Go from 1.21 on fetches the version that go.mod names by itself.
go-ready:
	@minor=$$(GOTOOLCHAIN=local $(GO) version 2>/dev/null | sed -n 's/.*go1\.\([0-9]*\).*/\1/p'); \
	[ "$${minor:-0}" -ge 21 ] || { echo "Go is missing or too old: install 1.26 (or at least 1.21, which fetches it) as https://go.dev/doc/install says, and have go on the path"; exit 1; }

# install LIST: what is missing of it, by apt; asks for root only for that.
define install
missing=; for p in $(1); do \
	dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; \
done; \
if [ -n "$$missing" ]; then \
	command -v apt-get >/dev/null || { echo "install these first:$$missing"; exit 1; }; \
	echo "installing:$$missing"; \
	$(AS_ROOT) apt-get -q update >/dev/null && \
	$(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $$missing >/dev/null || \
		{ echo "apt-get could not install:$$missing"; exit 1; }; \
fi
endef

clean:
	rm -rf bin
