# The context is bin/image, which `make docker` fills: a static binary and an
# empty data directory. Nothing else is in the image, and nothing is downloaded.
FROM scratch
COPY --chown=65532:65532 . /
USER 65532:65532
WORKDIR /var/lib/milvus
# In a container the ports are reached from outside it: listen on every address.
ENV MILVUS_CONF_REDKITE_LISTEN=* \
    MILVUS_CONF_REDKITE_DATADIR=/var/lib/milvus
VOLUME /var/lib/milvus
EXPOSE 19530 9091
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["/redkite", "health"]
ENTRYPOINT ["/redkite"]
CMD ["run", "standalone"]
