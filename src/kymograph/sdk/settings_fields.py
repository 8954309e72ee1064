"""Every setting, its type and its default. Annotations choose the parsers (`settings_values.PARSERS`).

Names and meanings are those of the protocol's own client. Some it has and we have no use for (its service process, for
one); they are taken so that no script breaks, and do nothing, which their description says.

Source: seeds.md E.2, Appendix 2; names compared with the installed client by tests/protocol/test_sdk_values.py.
"""

from __future__ import annotations

from collections.abc import Callable

from kymograph.client.settings import DEFAULT_BASE_URL
from kymograph.sdk.settings_values import RunMoment


class SettingsFields:
    """The values that can be set."""

    # --- server and identity ---
    api_key: str | None = None
    """Proves who you are. Never shown, never written to a run."""
    base_url: str = DEFAULT_BASE_URL
    """Address of the server."""
    app_url_override: str | None = None
    """Address of its pages, where that is another (WANDB_APP_URL)."""
    entity: str | None = None
    """User or team whose project it is; your own by default."""
    organization: str | None = None
    project: str | None = None
    username: str | None = None
    """Whose run it is, where a service account writes it."""
    email: str | None = None
    """As `username`."""
    host: str | None = None
    """Name of this machine, if not its own."""
    identity_token_file: str | None = None
    """File with an identity token, instead of a key."""
    credentials_file: str = ""
    """Where access tokens are kept (default: beside the user's settings)."""
    login_timeout: float | None = None
    """How long to wait for somebody to type a key, in s."""
    relogin: bool = False
    """Ask for a key though there is one."""
    force: bool = False
    """Fail rather than go on without a key."""
    insecure_disable_ssl: bool = False
    """Do not check the server's certificate."""
    http_proxy: str | None = None
    https_proxy: str | None = None

    # --- the run ---
    run_id: str | None = None
    run_name: str | None = None
    run_notes: str | None = None
    run_tags: tuple[str, ...] | None = None
    run_group: str | None = None
    run_job_type: str | None = None
    mode: str = "online"
    """online; offline (written here, sent later); shared (several write one run); disabled (nothing is kept)."""
    resume: str | None = None
    """allow, must, never, or auto (the id is kept in a file)."""
    resumed: bool = False
    """Set by us: whether the run was there before."""
    resume_from: RunMoment | None = None
    """Rewind a run to a step."""
    fork_from: RunMoment | None = None
    """Begin where another run was at a step."""
    reinit: str | bool = "default"
    """What a second init() does: finish_previous, return_previous, create_new."""
    allow_val_change: bool = False
    """Whether config values may change unasked."""
    config_paths: tuple[str, ...] | None = None
    """YAML files that the config is read from."""
    sweep_id: str | None = None
    sweep_param_path: str | None = None
    launch: bool = False
    launch_config_path: str | None = None
    job_name: str | None = None
    job_source: str | None = None
    label_disable: bool = False
    strict: bool | None = None

    # --- ours ---
    durability: str = "os"
    """What a row survives once log() returned: os (the end of this process), fsync (a power cut)."""
    step_order: str = "any"
    """any: rows may come in any order of steps; strict: one that goes back is refused."""
    detach_on_finish: bool = True
    """Whether sending goes on in the background when finish() runs out of time."""

    # --- folders and files ---
    root_dir: str = ""
    """Where run folders are made (WANDB_DIR; default: the current folder)."""
    settings_system: str | None = None
    """The user's settings file."""
    use_dot_wandb: bool | None = None
    """Whether the folder of runs is hidden."""
    symlink: bool = True
    """Whether to link the latest run."""
    allow_media_symlink: bool = False
    allow_offline_artifacts: bool = True
    ignore_globs: tuple[str, ...] = ()
    """Files of the run that are not uploaded."""
    table_raise_on_max_row_limit_exceeded: bool = False
    cache_dir: str | None = None
    """Where downloaded artifacts are kept (WANDB_CACHE_DIR)."""
    data_dir: str | None = None
    """Where artifacts wait to be uploaded (WANDB_DATA_DIR)."""
    artifact_dir: str | None = None
    """Where artifacts are downloaded to (WANDB_ARTIFACT_DIR)."""
    config_dir: str | None = None
    """Where the user's settings are (WANDB_CONFIG_DIR)."""

    # --- code and git ---
    save_code: bool | None = None
    code_dir: str | None = None
    disable_code: bool = False
    disable_git: bool = False
    disable_git_fork_point: bool = True
    disable_job_creation: bool = True
    git_commit: str | None = None
    git_remote: str = "origin"
    git_remote_url: str | None = None
    git_root: str | None = None
    program: str | None = None
    program_abspath: str | None = None
    program_relpath: str | None = None
    notebook_name: str | None = None
    docker: str | None = None
    """The image that this runs in."""
    args: tuple[str, ...] | None = None
    """Arguments of the program, if not those of this process (WANDB_ARGS)."""

    # --- output ---
    console: str = "auto"
    """How output is captured: auto, wrap, redirect, off."""
    console_multipart: bool = False
    console_chunk_max_bytes: int = 0
    console_chunk_max_seconds: int = 0
    capture_loggers: dict[str, str] | None = None
    """Loggers whose lines belong to the output, with their levels."""
    quiet: bool = False
    """Say only what matters."""
    silent: bool = False
    """Say nothing."""
    show_colors: bool | None = None
    show_emoji: bool | None = None
    show_errors: bool = True
    show_info: bool = True
    show_warnings: bool = True
    show_run: bool = False
    """Open the run's page in a browser (WANDB_SHOW_RUN)."""
    max_end_of_run_history_metrics: int = 10
    max_end_of_run_summary_metrics: int = 10
    summary_warnings: int = 5
    debug: bool = False
    """Write more to the log of the run (WANDB_DEBUG)."""
    core_debug: bool = False
    """Does nothing: of the vendor's process."""
    error_reporting: bool = False
    """Does nothing: we report to nobody."""

    # --- times, in s ---
    init_timeout: float = 90.0
    finish_timeout: float = 60.0
    """How long finish() waits for the server; 0 waits without end."""
    finish_timeout_raises: bool = False
    summary_timeout: int = 60
    heartbeat_seconds: int = 30
    crash_nosync_time: int | None = None
    stop_on_fatal_error: bool = False
    stop_fn: Callable[[], None] | None = None
    """Called when the run is stopped from its page, instead of interrupting the program."""

    # --- integrations ---
    sync_tensorboard: bool | None = None
    sagemaker_disable: bool = False
    azure_account_url_to_access_key: dict[str, str] | None = None
    watch: str | None = None
    magic: str | None = None
    """Does nothing: removed long ago."""
    jupyter: bool | None = None
    """Whether this is a notebook, if we cannot tell (WANDB_JUPYTER)."""
    service: str | None = None
    """Does nothing: of the vendor's process."""
    inited: bool = False
    run_storage_id: str | None = None
    run_dir: str | None = None
    artifact_fetch_file_url_batch_size: int | None = None
    """How many addresses of artifact files are asked for at once."""
    enable_dcgm_profiling: bool = False

    # --- agents and queues ---
    agent_report_interval: int | None = None
    agent_kill_delay: int | None = None
    agent_disable_flapping: bool = False
    agent_max_initial_failures: int | None = None
    launch_queue_name: str | None = None
    launch_queue_entity: str | None = None
    launch_trace_id: str | None = None

    # --- requests to the server ---
    x_extra_http_headers: dict[str, str] | None = None
    x_proxies: dict[str, str] | None = None
    x_file_stream_max_bytes: int | None = None
    x_file_stream_max_line_bytes: int | None = None
    x_file_stream_transmit_interval: float | None = None
    x_file_stream_no_gzip: bool = True
    x_file_stream_retry_max: int | None = None
    x_file_stream_retry_wait_min_seconds: float | None = None
    x_file_stream_retry_wait_max_seconds: float | None = None
    x_file_stream_timeout_seconds: float | None = None
    x_file_transfer_retry_max: int | None = None
    x_file_transfer_retry_wait_min_seconds: float | None = None
    x_file_transfer_retry_wait_max_seconds: float | None = None
    x_file_transfer_timeout_seconds: float | None = None
    x_graphql_retry_max: int | None = None
    x_graphql_retry_wait_min_seconds: float | None = None
    x_graphql_retry_wait_max_seconds: float | None = None
    x_graphql_timeout_seconds: float | None = None
    x_live_policy_rate_limit: int | None = None
    x_live_policy_wait_time: int | None = None

    # --- system metrics ---
    x_disable_stats: bool = False
    x_stats_pid: int = 0
    """The process that is measured (default: this one)."""
    x_stats_sampling_interval: float = 15.0
    x_stats_neuron_monitor_config_path: str | None = None
    x_stats_dcgm_exporter: str | None = None
    x_stats_open_metrics_endpoints: dict[str, str] | None = None
    x_stats_open_metrics_filters: dict[str, dict[str, str]] | tuple[str, ...] | None = None
    x_stats_open_metrics_http_headers: dict[str, str] | None = None
    x_stats_disk_paths: tuple[str, ...] | None = ("/",)
    x_stats_cpu_count: int | None = None
    x_stats_cpu_logical_count: int | None = None
    x_stats_gpu_count: int | None = None
    x_stats_gpu_type: str | None = None
    x_stats_gpu_device_ids: tuple[int, ...] | None = None
    x_stats_buffer_size: int = 0
    x_stats_coreweave_metadata_base_url: str = "http://169.254.169.254"
    x_stats_coreweave_metadata_endpoint: str = "/api/v2/cloud-init/meta-data"
    x_stats_track_process_tree: bool = False
    x_stats_no_cgroup: bool = False
    x_stats_self_usage: bool = False

    # --- experimental ---
    x_cli_only_mode: bool = False
    x_disable_meta: bool = False
    x_disable_machine_info: bool = False
    x_disable_viewer: bool = False
    x_executable: str | None = None
    x_files_dir: str | None = None
    x_flow_control_custom: bool | None = None
    x_flow_control_disabled: bool | None = None
    x_history_value_encoding: str = "json"
    x_internal_check_process: float = 8.0
    x_jupyter_name: str | None = None
    x_jupyter_path: str | None = None
    x_jupyter_root: str | None = None
    x_label: str | None = None
    """Names this writer: with its console lines and its samples of the machine."""
    x_log_level: int = 20
    x_network_buffer: int | None = None
    x_primary: bool = True
    """Whether this writer of a shared run sends the files about it, and ends it."""
    x_runqueue_item_id: str | None = None
    x_save_requirements: bool = True
    x_server_side_derived_summary: bool = False
    x_service_transport: str | None = None
    x_service_wait: float = 30.0
    x_skip_transaction_log: bool = False
    """Does nothing: the journal is how a run is sent."""
    x_start_time: float | None = None
    """When the run began, in s since the epoch."""
    x_sync: bool = False
    x_sync_dir_suffix: str = ""
    x_transaction_log_flush_interval: float = 15.0
    """Does nothing: every row is in the journal when log() returns."""
    x_update_finish_state: bool = True
    """Whether this writer of a shared run says that it ended; default: `x_primary`."""


ALIASES = {"x_primary_node": "x_primary"}
"""Other names of settings."""

REMOVED = frozenset({
    "anonymous", "disable_hints", "disabled", "problem", "start_method", "summary_errors", "system_sample",
    "system_sample_seconds", "tmp_dir", "x_async_upload_concurrency_limit", "x_config_dict", "x_console", "x_cuda",
    "x_disable_service", "x_disable_setproctitle", "x_disable_update_check", "x_except_exit",
    "x_internal_queue_timeout", "x_require_legacy_service", "x_server_side_expand_glob_metrics",
    "x_show_operation_stats",
    "x_stats_join_assets", "x_stats_sample_rate_seconds", "x_stats_samples_to_average", "x_tracelog", "x_unsaved_keys",
})  # fmt: skip
"""Settings that the protocol's client had once: accepted, with one warning, and without effect."""

SECRETS = frozenset({"api_key", "azure_account_url_to_access_key", "x_extra_http_headers",
                     "x_stats_open_metrics_http_headers", "x_proxies", "http_proxy", "https_proxy"})  # fmt: skip
"""What is never shown: keys, and addresses and headers that may hold a password."""
