"""Prometheus metrics of every process. Labels are names from fixed lists, never ids or data."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("sync_messages_total", "Messages handled, by what came of them.", ["queue", "type", "outcome"])
HANDLING = Histogram(
    "sync_message_seconds",
    "Time from taking a message to acknowledging it.",
    ["queue", "type"],
    buckets=(0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
PUBLISHED = Counter("sync_published_total", "Messages confirmed by the broker.", ["type"])
CONSUMERS = Gauge("sync_consumers", "Queues this process consumes right now.")
ROWS = Counter("sync_rows_total", "Rows compared, by what was decided.", ["data_type", "decision"])
APPLIED = Counter("sync_applied_total", "Records the target answered about.", ["data_type", "status"])
RUNS = Counter("sync_runs_total", "Runs that ended, by state.", ["direction", "data_type", "state"])
TRIGGERS = Counter("sync_triggers_total", "Schedules that came due, by what came of them.", ["outcome"])
DECISIONS = Counter("sync_decisions_total", "Permission decisions.", ["deed", "outcome"])
REQUESTS = Counter("sync_http_requests_total", "HTTP requests answered.", ["method", "route", "status"])
