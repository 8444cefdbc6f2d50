# Sunwell: server, gateway and simulators in one image; the command chooses.

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY . .
RUN python -m venv /opt/sunwell \
    && /opt/sunwell/bin/pip install --constraint requirements.lock ".[demo]"

FROM python:3.11-slim
ENV PATH=/opt/sunwell/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 sunwell \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin sunwell \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data /authority
COPY --from=build /opt/sunwell /opt/sunwell
USER 10001:10001
WORKDIR /data
VOLUME /data
ENTRYPOINT ["sunwell"]
CMD ["server"]
