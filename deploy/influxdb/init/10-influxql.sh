#!/bin/bash
# Runs once, when InfluxDB 2 sets itself up: lets the bucket be read with InfluxQL, and Grafana only read it.
set -eu
influx v1 dbrp create --org "$DOCKER_INFLUXDB_INIT_ORG" --bucket-id "$DOCKER_INFLUXDB_INIT_BUCKET_ID" \
    --db "$DOCKER_INFLUXDB_INIT_BUCKET" --rp autogen --default
influx v1 auth create --org "$DOCKER_INFLUXDB_INIT_ORG" --description "dashboards, read only" \
    --username grafana --password "$(cat /run/secrets/influxdb_grafana_password)" \
    --read-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID"
