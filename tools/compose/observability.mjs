// What shows figures and traces, when docker/.env says so: one profile for all.
import { optional, passwordOf } from './variables.mjs';

/** The profile. */
export const OBSERVE = 'observe';

/** Where the services send their traces while it runs. */
export const TRACES_URL = 'http://collector:4318';

export const observabilityVolumes = () => ['prometheus', 'grafana'];

/**
 * Healthy when this address answers: asked by the wget of the image.
 * @param {number} port
 * @param {string} path
 */
const answers = (port, path) => `    healthcheck:
      test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1:${port}${path}']
      interval: 5s
      timeout: 3s
      retries: 30`;

export const observability =
  () => `  # keeps the figures of the services and watches the rules of alerts
  prometheus:
    profiles: [${OBSERVE}]
    image: prom/prometheus:v3.5.0
    command: [--config.file=/etc/prometheus/prometheus.yaml, --storage.tsdb.path=/prometheus, --storage.tsdb.retention.time=15d]
    volumes: ['prometheus:/prometheus', './observability:/etc/prometheus:ro']
    ports: ['127.0.0.1:${optional('PARLEY_PROMETHEUS_PORT', 9090)}:9090']
    restart: unless-stopped
    stop_grace_period: 30s
    logging: *logging
${answers(9090, '/-/ready')}

  # shows them, and the traces; its user is admin
  grafana:
    profiles: [${OBSERVE}]
    image: grafana/grafana:12.1.0
    environment:
      GF_SECURITY_ADMIN_PASSWORD: ${passwordOf('grafana')}
      GF_ANALYTICS_REPORTING_ENABLED: 'false'
      GF_ANALYTICS_CHECK_FOR_UPDATES: 'false'
    volumes: ['grafana:/var/lib/grafana', './observability/grafana:/etc/grafana/provisioning:ro', './observability/dashboards:/etc/grafana/dashboards:ro']
    ports: ['127.0.0.1:${optional('PARLEY_GRAFANA_PORT', 3300)}:3000']
    depends_on:
      prometheus: { condition: service_healthy, required: false }
    restart: unless-stopped
    stop_grace_period: 30s
    logging: *logging
${answers(3000, '/api/health')}

  # takes the traces of the services and passes them on in batches; its image has no shell to ask it with
  collector:
    profiles: [${OBSERVE}]
    image: otel/opentelemetry-collector:0.130.0
    command: [--config=/etc/otelcol/config.yaml]
    volumes: ['./observability/collector.yaml:/etc/otelcol/config.yaml:ro']
    depends_on:
      jaeger: { condition: service_started, required: false }
    restart: unless-stopped
    stop_grace_period: 30s
    logging: *logging

  # keeps traces in memory, and shows them
  jaeger:
    profiles: [${OBSERVE}]
    image: jaegertracing/jaeger:2.14.0
    ports: ['127.0.0.1:${optional('PARLEY_JAEGER_PORT', 16686)}:16686']
    restart: unless-stopped
    stop_grace_period: 30s
    logging: *logging`;
