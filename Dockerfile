# The daemon. `make image` builds the program and calls this with bin/image as its context.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 65532 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin plumb
COPY --chmod=0755 plumb /usr/local/bin/plumb
USER 65532:65532
ENV HOME=/tmp PLUMB_STATE_DIR=/var/lib/plumb
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/plumb"]
