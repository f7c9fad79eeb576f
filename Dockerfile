# One image for web, worker, scheduler, sequencer, metrics and every job; the word after its name says which:
#   docker run gdpr-portal web
# It runs as a user without rights, on a file system that may be read-only: what is written lies in RUN_DIR (memory),
# on the volume of the shred ledger, and nowhere else. Pin the base by digest where you build:
#   docker build --build-arg PYTHON_IMAGE=python:3.13-slim-trixie@sha256:... .
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install --no-input --require-hashes -r /tmp/requirements.txt
WORKDIR /app
COPY manage.py pyproject.toml requirements.txt ./
COPY access access
COPY audit audit
COPY consent consent
COPY erasure erasure
COPY gdpr_portal gdpr_portal
COPY subjects subjects
COPY vault vault
COPY locale locale
COPY static static
COPY templates templates
COPY docs docs
COPY deploy deploy
# Static files are part of the image. The values below open nothing: no service is started with them.
RUN SECRET_KEY=for-collectstatic-alone DATABASE_URL=postgresql:///none BROKER_URL=pgmq:// PROFILE=development \
    RUN_DIR=/tmp/build STATIC_ROOT=/app/staticfiles /opt/venv/bin/python manage.py collectstatic --no-input -v 0 \
    && /opt/venv/bin/python -m compileall -q /app /opt/venv

FROM ${PYTHON_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gdpr-portal" \
      org.opencontainers.image.licenses="AGPL-3.0-or-later" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 portal && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin portal \
    && install -d -o portal -g portal -m 0700 /run/portal /ledger
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
# psql, pg_dump and pg_restore for `manage.py backup`, `restore` and `dbshell`: Debian's, because those of the embedded
# database speak no TLS. They dump servers of their version and older ones.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=gdpr_portal.settings PROFILE=production LOG_FORMAT=json \
    RUN_DIR=/run/portal STATIC_ROOT=/app/staticfiles SHRED_LEDGER_FILE=/ledger/shred.jsonl \
    METRICS_ADDRESS=0.0.0.0 METRICS_PORT=9464
WORKDIR /app
USER 10001:10001
VOLUME ["/run/portal", "/ledger"]
EXPOSE 8000 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["/app/deploy/container/healthy"]
ENTRYPOINT ["/app/deploy/container/entrypoint"]
CMD ["web"]
