# The layer of go mod download stands until go.sum changes; the cache mounts keep the build itself short.
# It is built where the builder runs, for any platform. go.mod's toolchain line says by which Go: the image's own fetches it.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d AS build
ENV GOTOOLCHAIN=auto
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY *.go ./
COPY handler handler
COPY internal internal
COPY signer signer
COPY telemetry telemetry
ARG TARGETOS TARGETARCH
ARG VERSION=dev REVISION=unknown
# -trimpath, no build id and no VCS stamp: two builds of one commit give the same binary
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build \
    GOCACHE=/go/build CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags="-s -w -buildid= -X main.version=$VERSION -X main.revision=$REVISION" -o /videosdk-auth-endpoint .

FROM gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab
ARG VERSION=dev REVISION=unknown
LABEL org.opencontainers.image.title="videosdk-auth-endpoint" \
      org.opencontainers.image.description="Signs Zoom Video SDK tokens over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# a release has collected the licenses of what is linked in: .ci/release licenses
COPY LICENSE dist/license[s] /licenses/
COPY --from=build /videosdk-auth-endpoint /videosdk-auth-endpoint
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=6s CMD ["/videosdk-auth-endpoint", "healthcheck"]
ENTRYPOINT ["/videosdk-auth-endpoint"]
CMD ["serve"]
