# Both programs, static, in an image that holds nothing else.
# musl: a static glibc would still look for its name service libraries at run time.
# gcc: ring and zstd are in C.
FROM rust:1.95.0-alpine AS build
# The image has the compiler and nothing of rust-toolchain.toml's lint components.
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN apk add --no-cache ca-certificates gcc musl-dev
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin opex-operator --bin kubectl-opex \
    && mkdir /out \
    && cp target/release/opex-operator target/release/kubectl-opex /out/

FROM scratch
LABEL org.opencontainers.image.title="opex-operator" \
      org.opencontainers.image.description="Keeps the running costs (OPEX) of a Kubernetes cluster inside budgets" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /
# Kubernetes checks runAsNonRoot against a number.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/opex-operator"]
