"""Every setting, its type and its default. Annotations choose the parsers (`settings_values.PARSERS`).

Names and meanings are those of the protocol's own client. Some it has and we have no use for (its service process, for
one); they are taken so that no script breaks, and do nothing, which their description says.

Source: seeds.md E.2, Appendix 2; names compared with the installed client by tests/protocol/test_sdk_values.py.
"""

from __future__ import annotations

from collections.abc import Callable

from kymograph.client.addresses import DEFAULT_BASE_URL
from kymograph.sdk.settings_values import RunMoment


class SettingsFields:
    """The values that can be set."""

    # --- server and identity ---
    api_key: str | None = None
    """Proves who you are; never written to a run."""
    base_url: str = DEFAULT_BASE_URL
    """Address of the server."""
    app_url_override: str | None = None
    """Address of its pages, where that is another."""
    entity: str | None = None
    """User or team whose project it is; your own by default."""
    organization: str | None = None
    """Whose registry a link goes to whose target names no organization."""
    project: str | None = None
    """Where runs are together that are compared (default: uncategorized)."""
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
    """Do not check certificates: then anybody on the way may read the API key."""
    http_proxy: str | None = None
    """Proxy for servers and files at http:// addresses; default: that of HTTP_PROXY. NO_PROXY holds for both."""
    https_proxy: str | None = None
    """The same for https:// addresses."""

    # --- the run ---
    run_id: str | None = None
    """Of the run, unique in its project (default: a new one)."""
    run_name: str | None = None
    """What people call the run (default: the server invents a name)."""
    run_notes: str | None = None
    """Free text about the run."""
    run_tags: tuple[str, ...] | None = None
    """Labels of the run; with commas between them in a variable."""
    run_group: str | None = None
    """What the run belongs together with."""
    run_job_type: str | None = None
    """What kind of work the run does."""
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
    """The sweep that the run is part of."""
    sweep_param_path: str | None = None
    """Does nothing yet: of sweep agents."""
    launch: bool = False
    """Does nothing: of the vendor's queues."""
    launch_config_path: str | None = None
    """Does nothing: of the vendor's queues."""
    job_name: str | None = None
    """Does nothing: of the vendor's queues."""
    job_source: str | None = None
    """Does nothing: of the vendor's queues."""
    label_disable: bool = False
    """Does nothing: programs are not searched for labels."""
    strict: bool | None = None
    """Does nothing; `step_order` says whether rows of earlier steps are refused."""

    # --- ours ---
    durability: str = "os"
    """What a row survives once log() returned: os (the end of this process), fsync (a power cut)."""
    step_order: str = "any"
    """any: rows may come in any order of steps; strict: one that goes back is refused."""
    detach_on_finish: bool = True
    """Whether sending goes on in the background when finish() runs out of time."""
    artifact_cache_max_bytes: int | None = None
    """How large the cache of artifacts' contents may grow; by default a tenth of its disk, 50 GiB at most."""
    fs_lineage: bool = True
    """Whether artifacts that are read by way of `wandbas://` while the run is on become its inputs."""

    # --- folders and files ---
    root_dir: str = ""
    """Where run folders are made (default: the current folder)."""
    settings_system: str | None = None
    """The user's settings file."""
    use_dot_wandb: bool | None = None
    """Whether the folder of runs is hidden."""
    symlink: bool = True
    """Link files that are saved, and `latest-run`, rather than copy them."""
    allow_media_symlink: bool = False
    """Does nothing: media are copied, for what was logged must not change with the file."""
    allow_offline_artifacts: bool = True
    """Does nothing yet: of artifacts."""
    ignore_globs: tuple[str, ...] = ()
    """Patterns of names of files that are not sent, such as `*.ckpt`; `*` stands for folders as well."""
    table_raise_on_max_row_limit_exceeded: bool = False
    """Refuse a table with more rows than are kept, rather than cut it with a warning."""
    cache_dir: str | None = None
    """Does nothing yet: of artifacts."""
    data_dir: str | None = None
    """Does nothing yet: of artifacts."""
    artifact_dir: str | None = None
    """Does nothing yet: of artifacts."""
    config_dir: str | None = None
    """The folder of the user's settings file; as a variable only."""

    # --- code and git ---
    save_code: bool | None = None
    """Keep the program, or the notebook and what its cells did, with the run."""
    code_dir: str | None = None
    """With `save_code`: keep the code in this folder as well."""
    disable_code: bool = False
    """Keep no code, whatever `save_code` says."""
    disable_git: bool = False
    """Do not look at the git repository: no commit, no difference to it."""
    disable_git_fork_point: bool = True
    """Keep no difference to the commit where this branch left another that is followed."""
    disable_job_creation: bool = True
    """Does nothing: jobs are of the vendor's queues."""
    git_commit: str | None = None
    """Commit of the run (default: that of the repository)."""
    git_remote: str = "origin"
    """Which remote of the repository is told."""
    git_remote_url: str | None = None
    """Address of the repository (default: that of `git_remote`)."""
    git_root: str | None = None
    """Where the repository is (default: it is looked for from the current folder upwards)."""
    program: str | None = None
    """What was started (default: the script, the module, or the notebook)."""
    program_abspath: str | None = None
    """Does nothing; `program` is its path."""
    program_relpath: str | None = None
    """The path of `program` as the artifact of its code is named after; by default found out."""
    notebook_name: str | None = None
    """File of this notebook, if it cannot be told."""
    docker: str | None = None
    """The image that this runs in."""
    args: tuple[str, ...] | None = None
    """Arguments of the program, if not those of this process."""

    # --- output ---
    console: str = "auto"
    """How output is captured: auto, wrap, redirect (what other programs print, too), off."""
    console_multipart: bool = False
    """Does nothing: the console is one file, however long."""
    console_chunk_max_bytes: int = 0
    """Does nothing; see `console_multipart`."""
    console_chunk_max_seconds: int = 0
    """Does nothing; see `console_multipart`."""
    capture_loggers: dict[str, str] | None = None
    """Loggers whose lines belong to the output, with their levels."""
    quiet: bool = False
    """Say only where the run is, and what is wrong."""
    silent: bool = False
    """Say nothing. What stops the program is raised all the same."""
    show_colors: bool | None = None
    """Colours in the terminal (default: if it is one, and NO_COLOR is not set)."""
    show_emoji: bool | None = None
    """Does nothing: there are none."""
    show_errors: bool = True
    """Say what failed."""
    show_info: bool = True
    """Say where the run is, and what it came to."""
    show_warnings: bool = True
    """Say what is wrong."""
    show_run: bool = False
    """Open the run's page in a browser."""
    max_end_of_run_history_metrics: int = 10
    """How many metrics are drawn when the run ends."""
    max_end_of_run_summary_metrics: int = 10
    """How many values of the summary are shown when the run ends."""
    summary_warnings: int = 5
    """Does nothing: no such warnings are given."""
    debug: bool = False
    """Write more to `logs/debug-internal.log` in the run's folder."""
    core_debug: bool = False
    """Does nothing: of the vendor's process."""
    error_reporting: bool = False
    """Does nothing: we report to nobody."""

    # --- times, in s ---
    init_timeout: float = 90.0
    """How long init() waits for the server."""
    finish_timeout: float = 60.0
    """How long finish() waits for the server; 0 waits without end."""
    finish_timeout_raises: bool = False
    """Raise FinishTimeout, a TimeoutError, when finish() runs out of time."""
    summary_timeout: int = 60
    """Does nothing: the summary is here, and needs no waiting."""
    heartbeat_seconds: int = 30
    """Does nothing: the server hears of the run every 30 s."""
    crash_nosync_time: int | None = None
    """Does nothing: the sender outlives a crash."""
    stop_on_fatal_error: bool = False
    """Stop the run, by `stop_fn` or as by Ctrl-C, when its server does not take it any more."""
    stop_fn: Callable[[], None] | None = None
    """Called when the run is stopped from its page, instead of interrupting the program."""

    # --- integrations ---
    sync_tensorboard: bool | None = None
    """Follow TensorBoard's logs."""
    sagemaker_disable: bool = False
    """Does nothing: nothing is taken from SageMaker."""
    azure_account_url_to_access_key: dict[str, str] | None = None
    """Does nothing yet: of artifacts."""
    watch: str | None = None
    """false: watch() does nothing."""
    magic: str | None = None
    """Does nothing: removed long ago."""
    jupyter: bool | None = None
    """Whether this is a notebook, if we cannot tell."""
    service: str | None = None
    """Does nothing: of the vendor's process."""
    inited: bool = False
    """Does nothing: of the vendor's process."""
    run_storage_id: str | None = None
    """Does nothing: the server says it."""
    run_dir: str | None = None
    """Does nothing; `root_dir` says where run folders are made."""
    artifact_fetch_file_url_batch_size: int | None = None
    """Does nothing yet: of artifacts."""
    enable_dcgm_profiling: bool = False
    """Does nothing: DCGM's metrics are not read."""

    # --- agents and queues ---
    agent_report_interval: int | None = None
    """Does nothing yet: of sweep agents."""
    agent_kill_delay: int | None = None
    """Does nothing yet: of sweep agents."""
    agent_disable_flapping: bool = False
    """Does nothing yet: of sweep agents."""
    agent_max_initial_failures: int | None = None
    """Does nothing yet: of sweep agents."""
    launch_queue_name: str | None = None
    """Does nothing: of the vendor's queues."""
    launch_queue_entity: str | None = None
    """Does nothing: of the vendor's queues."""
    launch_trace_id: str | None = None
    """Does nothing: of the vendor's queues."""

    # --- requests to the server ---
    x_extra_http_headers: dict[str, str] | None = None
    """Sent with every request, also to the hosts of files; Proxy-Authorization goes to proxies alone."""
    x_proxies: dict[str, str] | None = None
    """As `http_proxy` and `https_proxy`, by scheme or by scheme and host; those two win."""
    x_file_stream_max_bytes: int | None = None
    """About how large a request of the file stream may be."""
    x_file_stream_max_line_bytes: int | None = None
    """Does nothing: no line is left out for its length."""
    x_file_stream_transmit_interval: float | None = None
    """How long to wait between two such requests, in s."""
    x_file_stream_no_gzip: bool = True
    """Does nothing: requests are packed for servers that say that they take it."""
    x_file_stream_retry_max: int | None = None
    """After how many failures in a row sending is given up for `kymograph sync`; default: after a week."""
    x_file_stream_retry_wait_min_seconds: float | None = None
    """The first wait after a failure, in s (default: 1); doubled with each further one."""
    x_file_stream_retry_wait_max_seconds: float | None = None
    """The longest wait, in s (default: 60)."""
    x_file_stream_timeout_seconds: float | None = None
    """How long the server may be silent, in s (default: 180)."""
    x_file_transfer_retry_max: int | None = None
    """After how many failures in a row a file is given up."""
    x_file_transfer_retry_wait_min_seconds: float | None = None
    """The first wait after a failure, in s (default: 1); doubled with each further one."""
    x_file_transfer_retry_wait_max_seconds: float | None = None
    """The longest wait, in s (default: 60)."""
    x_file_transfer_timeout_seconds: float | None = None
    """How long the host of a file may be silent, in s (default: 300)."""
    x_graphql_retry_max: int | None = None
    """After how many failures in a row it is given up that the server learns of the run, or a command its question."""
    x_graphql_retry_wait_min_seconds: float | None = None
    """The first wait after a failure, in s (default: 1); doubled with each further one."""
    x_graphql_retry_wait_max_seconds: float | None = None
    """The longest wait, in s (default: 60)."""
    x_graphql_timeout_seconds: float | None = None
    """How long the server may be silent, in s (default: 30)."""
    x_live_policy_rate_limit: int | None = None
    """Least time between uploads of a live file that grows, in s (default: 15)."""
    x_live_policy_wait_time: int | None = None
    """Least time between uploads of any live file, in s (default: by its size)."""

    # --- system metrics ---
    x_disable_stats: bool = False
    """Do not measure the machine."""
    x_stats_pid: int = 0
    """The process that is measured (default: this one)."""
    x_stats_sampling_interval: float = 15.0
    """How often the machine is measured, in s."""
    x_stats_neuron_monitor_config_path: str | None = None
    """Does nothing: Trainium's metrics are not read."""
    x_stats_dcgm_exporter: str | None = None
    """Does nothing: DCGM's metrics are not read; name its exporter in `x_stats_open_metrics_endpoints`."""
    x_stats_open_metrics_endpoints: dict[str, str] | None = None
    """Addresses that tell metrics in the form of OpenMetrics, by names for them."""
    x_stats_open_metrics_filters: dict[str, dict[str, str]] | tuple[str, ...] | None = None
    """Which of their metrics are taken: patterns, with labels or without."""
    x_stats_open_metrics_http_headers: dict[str, str] | None = None
    """Headers for these addresses."""
    x_stats_disk_paths: tuple[str, ...] | None = ("/",)
    """Paths of the disks that are measured."""
    x_stats_cpu_count: int | None = None
    """Number of cores, if not what the machine says."""
    x_stats_cpu_logical_count: int | None = None
    """Number of logical cores, if not what the machine says."""
    x_stats_gpu_count: int | None = None
    """Number of GPUs, if not what the machine says."""
    x_stats_gpu_type: str | None = None
    """Kind of GPU, if not what the machine says."""
    x_stats_gpu_device_ids: tuple[int, ...] | None = None
    """Numbers of the GPUs that are measured (default: all)."""
    x_stats_buffer_size: int = 0
    """Does nothing: samples are in the journal."""
    x_stats_coreweave_metadata_base_url: str = "http://169.254.169.254"
    """Does nothing: CoreWeave's service is not asked."""
    x_stats_coreweave_metadata_endpoint: str = "/api/v2/cloud-init/meta-data"
    """Does nothing: CoreWeave's service is not asked."""
    x_stats_track_process_tree: bool = False
    """Measure the processes that this one has started as well."""
    x_stats_no_cgroup: bool = False
    """Measure against the whole machine, not against the limits of this container."""
    x_stats_self_usage: bool = False
    """Does nothing: what we use ourselves is not measured."""

    # --- experimental ---
    x_cli_only_mode: bool = False
    """Does nothing: of the vendor's command line."""
    x_disable_meta: bool = False
    """Do not look at the surroundings: machine, program, git."""
    x_disable_machine_info: bool = False
    """Do not look at the machine's hardware."""
    x_disable_viewer: bool = False
    """Does nothing: nobody is asked who the user is."""
    x_executable: str | None = None
    """The interpreter that is told, if not this one."""
    x_files_dir: str | None = None
    """Does nothing: a run's files are in its folder, which is whole in itself."""
    x_flow_control_custom: bool | None = None
    """Does nothing: of the vendor's process."""
    x_flow_control_disabled: bool | None = None
    """Does nothing: of the vendor's process."""
    x_history_value_encoding: str = "json"
    """Does nothing: both encodings are read, ours is written."""
    x_internal_check_process: float = 8.0
    """Does nothing: of the vendor's process."""
    x_jupyter_name: str | None = None
    """Set by us: name of the notebook."""
    x_jupyter_path: str | None = None
    """Set by us: path of the notebook."""
    x_jupyter_root: str | None = None
    """Set by us: folder that the notebook's server shows."""
    x_label: str | None = None
    """Names this writer: with its console lines and its samples of the machine."""
    x_log_level: int = 20
    """Level of `logs/debug-internal.log` in the run's folder, as a number of Python's logging."""
    x_network_buffer: int | None = None
    """Does nothing: the journal is the buffer."""
    x_primary: bool = True
    """Whether this writer of a shared run sends the files about it, and ends it."""
    x_runqueue_item_id: str | None = None
    """Does nothing: of the vendor's queues."""
    x_save_requirements: bool = True
    """Keep the list of installed packages with the run."""
    x_server_side_derived_summary: bool = False
    """Does nothing: the summary is made here."""
    x_service_transport: str | None = None
    """Does nothing: of the vendor's process."""
    x_service_wait: float = 30.0
    """Does nothing: of the vendor's process."""
    x_skip_transaction_log: bool = False
    """Does nothing: the journal is how a run is sent."""
    x_start_time: float | None = None
    """When the run began, in s since the epoch."""
    x_sync: bool = False
    """Does nothing: of the vendor's process."""
    x_sync_dir_suffix: str = ""
    """Put behind the name of the run's folder."""
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
