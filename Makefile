# Stockade. The two commands that matter: `make run` and `make test`.

GO       ?= go
LISTEN   ?= 127.0.0.1:8080
LINT     := bin/golangci-lint
LINT_VER := v2.6.2

# What the product needs at run time, and what the tests need on top: Debian and Ubuntu names.
RUN_PKGS  := iptables ipset nftables iproute2 ca-certificates
TEST_PKGS := $(RUN_PKGS) gcc libc6-dev conntrack ffmpeg chromium fonts-dejavu-core \
	gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
	gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav \
	gstreamer1.0-rtsp python3-gi gir1.2-gst-rtsp-server-1.0
FUZZTIME ?= 20000x

.PHONY: run test test-long bench build lint fmt vet unit fuzz-brief generate typecheck deps-run deps-test clean

# Watch the main job: simulated cameras recorded, their stray packets blocked, both on one page.
run: deps-run build
	./bin/nvr demo --listen $(LISTEN)

build:
	$(GO) build -o bin/nvr ./cmd/nvr

# Everything that fits in 25 minutes on two cores.
test: deps-test build vet lint unit fuzz-brief

unit:
	$(GO) test -race -timeout 15m ./...

vet:
	@test -z "$$(gofmt -l cmd configs firewall internal recorder storage streams ui)" || \
		{ echo "not gofmt'ed:"; gofmt -l cmd configs firewall internal recorder storage streams ui; exit 1; }
	$(GO) vet ./...

lint: $(LINT)
	$(LINT) run ./...

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

# Matrices, floods and soaks.
test-long: deps-test build
	STOCKADE_LONG=1 $(GO) test -race -timeout 3h ./...

bench: deps-test build
	$(GO) test -run '^$$' -bench . -benchmem -timeout 1h ./...

generate:
	$(GO) generate ./...

# Types of the front end: the only thing that wants Node.
typecheck:
	cd ui/web && npm ci --silent && npx tsc --noEmit

fmt:
	gofmt -w cmd configs firewall internal recorder storage streams ui

deps-run:
	@$(call install,$(RUN_PKGS))
deps-test:
	@$(call install,$(TEST_PKGS))

# install LIST: what is missing of it, by apt; asks for root only for that.
define install
missing=; for p in $(1); do \
	dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; \
done; \
if [ -n "$$missing" ]; then \
	command -v apt-get >/dev/null || { echo "install these first:$$missing"; exit 1; }; \
	echo "installing:$$missing"; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get -q update >/dev/null && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $$missing >/dev/null || \
		{ echo "apt-get could not install:$$missing"; exit 1; }; \
fi
endef

clean:
	rm -rf bin
