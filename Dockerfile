# One image for every service: `docker run sync-service gateway | importer | exporter | scheduler | ops ...`.
# Nothing is compiled: each locked package has a wheel. Registry and certificates come from pip's own settings.

FROM python:3.13-slim AS build
ARG PIP_CERT
ARG PIP_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/sync-service
COPY requirements.lock requirements-dev.lock ./
RUN pip --python /opt/sync-service/bin/python install --quiet --require-hashes --only-binary :all: -r requirements.lock
# The build backend stays in this stage, at the version and hash of the development lock.
RUN sed -n '/^setuptools==/{:a;p;/\\$/{n;ba}}' requirements-dev.lock > backend.lock \
 && pip install --quiet --require-hashes --only-binary :all: -r backend.lock
COPY pyproject.toml README.md ./
COPY shared shared
COPY services services
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels . \
 && pip --python /opt/sync-service/bin/python install --quiet --no-deps --no-index wheels/*.whl

FROM python:3.13-slim
# asyncssh asks for the name of the user it runs as.
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
      syncservice \
 && install -d -o syncservice -g syncservice -m 0700 /var/spool/sync-service
ENV PATH=/opt/sync-service/bin:$PATH LOGNAME=syncservice PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/sync-service /opt/sync-service
USER syncservice
ENTRYPOINT ["sync-service"]
