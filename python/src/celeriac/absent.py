"""Settings of Celery that this package does not have, and why: who moves here should not have to guess."""

from __future__ import annotations

from collections.abc import Mapping

_IN_URL = "it belongs into the URL: scheme, user, password, host, port and virtual host or database"
_TLS = "write amqps:// or rediss:// as the scheme of the URL"
_NOT_A_PART = "the parts of the worker cannot be exchanged"
_NOT_HERE = "this version cannot do that"
_LOGGING = "logs go through Python's logging: see --loglevel and --log-format; standard output stays as it is"
_BACKEND = "results are stored in Redis or sent over rpc://, nowhere else"
_WIRE = "it is fixed by the protocol"
_ONE_QUEUE = "queues are used as they are found, and declared durable and without arguments where there are none"

#: reason -> names, ``*`` at the end for all that begin so
_REASONS: Mapping[str, str] = {
    "times are UTC wherever they are written; `timezone` is for crontabs": "enable_utc",
    "the schedule is kept by this package's own beat, in a file": "beat_scheduler",
    "the schedule is written whenever something was sent": "beat_sync_every",
    "what was missed is sent once, however late": "beat_cron_starting_deadline",
    _NOT_HERE: (
        "beat_enable_remote_control beat_remote_control_max_tick_age  "
        "task_store_eager_result task_annotations task_default_priority "
        "task_inherit_parent_priority task_queue_max_priority result_extended result_cache_max "
        "result_compression result_failure_expires result_accept_content "
        "worker_eta_task_limit worker_deduplicate_successful_tasks worker_direct "
        "worker_enable_soft_shutdown_on_idle worker_disable_prefetch worker_disable_rate_limits "
        "task_allow_error_cb_on_chord_header task_store_errors_even_if_ignored "
        "imports security_*"
    ),
    _IN_URL: (
        "broker_host broker_port broker_user broker_password broker_vhost broker_transport broker_login_method "
        "redis_host redis_port redis_db redis_username redis_password database_url"
    ),
    _TLS: "broker_use_ssl redis_backend_use_ssl",
    "one broker serves both": "broker_read_url broker_write_url",
    "name one broker; a lost connection is made again without end": (
        "broker_connection_retry broker_connection_retry_on_startup broker_connection_max_retries "
        "broker_channel_error_retry broker_failover_strategy"
    ),
    "connections are made as threads need them and used again": "broker_pool_limit broker_pool_acquire_timeout",
    "heartbeats and timeouts of connections are fixed": (
        "broker_heartbeat broker_heartbeat_checkrate redis_max_connections redis_retry_on_timeout "
        "redis_socket_connect_timeout redis_socket_keepalive redis_socket_timeout result_backend_always_retry "
        "result_backend_base_sleep_between_retries_ms result_backend_max_retries "
        "result_backend_max_sleep_between_retries_ms"
    ),
    "names of keys, priority steps and the visibility timeout are Celery's defaults": (
        "broker_transport_options result_backend_transport_options"
    ),
    _ONE_QUEUE: (
        "broker_native_delayed_delivery_queue_type task_queues task_create_missing_queues "
        "task_create_missing_queue_type task_create_missing_queue_exchange_type task_default_queue_type "
        "task_default_exchange task_default_exchange_type task_default_routing_key"
    ),
    _WIRE: (
        "task_protocol task_default_delivery_mode task_repr_maxlevels control_exchange control_queue_* event_* "
        "result_exchange result_exchange_type result_persistent result_serializer task_remote_tracebacks"
    ),
    "a task whose process died runs again, or fails; see `task_reject_on_worker_lost`": (
        "task_retry_on_worker_lost worker_lost_wait"
    ),
    "a message is settled when its task has ended, however it ended": "task_acks_on_*",
    "chords are counted, not polled; counts expire with the results": (
        "result_chord_expires result_chord_join_timeout result_chord_retry_interval"
    ),
    "quorum queues are recognized where they are": "worker_detect_quorum_queues",
    "running tasks go on when the connection is lost, and as many are taken as before when it is back": (
        "worker_cancel_long_running_tasks_on_connection_loss worker_enable_prefetch_count_reduction"
    ),
    _LOGGING: "worker_hijack_root_logger worker_log_* worker_task_log_* worker_redirect_*",
    _NOT_A_PART: (
        "worker_agent worker_autoscaler worker_consumer worker_pool_* worker_timer worker_timer_precision "
        "worker_proc_alive_timeout"
    ),
    _BACKEND: (
        "arangodb_* azureblockblob_* cache_* cassandra_* cosmosdbsql_* couchbase_* database_* elasticsearch_* gcs_* "
        "mongodb_* s3_*"
    ),
}
_ABSENT: Mapping[str, str] = {name: reason for reason, names in _REASONS.items() for name in names.split()}


def why_absent(key: str) -> str | None:
    """Why there is no such setting here; None for what is not a setting of Celery's either."""
    if key in _ABSENT:
        return _ABSENT[key]
    families = (reason for name, reason in _ABSENT.items() if name.endswith("*") and key.startswith(name[:-1]))
    return next(families, None)
