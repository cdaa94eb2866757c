# The layer of go mod download stands until go.sum changes; the cache mounts keep the build itself short.
FROM golang:1.26-bookworm AS build
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

FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev REVISION=unknown
LABEL org.opencontainers.image.title="videosdk-auth-endpoint" \
      org.opencontainers.image.description="Signs Zoom Video SDK tokens over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /videosdk-auth-endpoint /videosdk-auth-endpoint
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=6s CMD ["/videosdk-auth-endpoint", "healthcheck"]
ENTRYPOINT ["/videosdk-auth-endpoint"]
CMD ["serve"]
