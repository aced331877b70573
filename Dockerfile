# Holdfast as one static binary in an image with nothing else in it but
# certificates and time zones.
#
#   docker build --build-arg VERSION=1.2.3 --build-arg REVISION=$(git rev-parse HEAD) .

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
ARG VERSION=unknown REVISION=unknown
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -o /out/holdfast \
      -ldflags "-s -w \
        -X github.com/prometheus/common/version.Version=$VERSION \
        -X github.com/prometheus/common/version.Revision=$REVISION" \
      ./cmd/holdfast \
    && mkdir /out/data

FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=unknown REVISION=unknown
LABEL org.opencontainers.image.title="Holdfast" \
      org.opencontainers.image.description="Warns account owners of a takeover within a second and ends the sessions that should not exist" \
      org.opencontainers.image.source="https://github.com/holdfastd/holdfast" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /out/holdfast /holdfast
# The default store is in the working directory.
COPY --from=build --chown=nonroot:nonroot /out/data /var/lib/holdfast
WORKDIR /var/lib/holdfast
VOLUME /var/lib/holdfast
USER nonroot:nonroot
EXPOSE 9480
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/holdfast", "healthcheck", "-c", "/etc/holdfast/holdfast.yaml"]
ENTRYPOINT ["/holdfast"]
CMD ["run", "-c", "/etc/holdfast/holdfast.yaml"]
