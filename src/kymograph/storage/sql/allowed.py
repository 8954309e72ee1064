"""What a statement may name: tables, functions and types. Whatever is not here is refused.

Left out on purpose: all that reads files or addresses, settings, variables, the environment, the catalog or the plan of
a statement, runs a statement from a text, sleeps, or keeps state between queries.
"""

from __future__ import annotations

RUNS, CONFIG, SUMMARY, HISTORY = "runs", "config", "summary", "history"

TABLES: dict[str, dict[str, str]] = {
    RUNS: {
        "id": "varchar",
        "name": "varchar",
        "state": "varchar",
        "user": "varchar",
        "run_group": "varchar",
        "job_type": "varchar",
        "sweep": "varchar",
        "host": "varchar",
        "notes": "varchar",
        "tags": "varchar[]",
        "created_at": "timestamp",
        "started_at": "timestamp",
        "heartbeat_at": "timestamp",
        "finished_at": "timestamp",
        "duration_s": "double",
        "last_step": "bigint",
        "exit_code": "bigint",
    },
    CONFIG: {"run": "word", "key": "varchar", "value": "double", "kind": "word", "text": "varchar"},
    SUMMARY: {"run": "word", "key": "varchar", "value": "double", "kind": "word", "text": "varchar"},
    HISTORY: {
        "run": "word",
        "step": "bigint",
        "metric": "word",
        "value": "double",
        "kind": "word",
        "text": "varchar",
    },
}
"""Columns of each table, with their types (see `storage.sql.arrow.FORMATS`)."""

TABLE_FUNCTIONS = frozenset(["range", "generate_series", "unnest", "json_each", "json_tree"])

_TYPES = """
    array bigint bit blob bool boolean bpchar char date dec decimal double enum float float4 float8 hugeint int int1
    int128 int16 int2 int32 int4 int64 int8 integer interval json list logical long map nvarchar numeric real row short
    signed smallint string struct text time timestamp timestamp_ms timestamp_ns timestamp_s timestamptz timetz tinyint
    ubigint uhugeint uint16 uint32 uint64 uint8 uinteger union usmallint utinyint uuid varchar
"""
TYPES = frozenset(_TYPES.split()) | {"timestamp with time zone", "time with time zone"}
"""Types to cast to, in lower case."""

_OPERATORS = """
    !~~ !~~* % & && * ** + - ->> / // < <-> << <= <=> <@ = > >= >> @ @> ^ ^@ | || ~ ~~ ~~* ~~~ != <> -> !__postfix
    like_escape not_like_escape ilike_escape not_ilike_escape
"""
_NUMBERS = """
    abs acos acosh add asin asinh atan atan2 atanh bin bit_count cbrt ceil ceiling cos cosh cot degrees divide even exp
    factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor hex isfinite isinf isnan lcm least
    least_common_multiple lgamma ln log log10 log2 mod multiply nextafter pi pow power radians random round round_even
    roundbankers sign signbit sin sinh sqrt subtract tan tanh trunc xor equi_width_bins to_base to_hex to_binary
"""
_TEXTS = """
    ascii bar base64 bit_length char_length character_length chr concat concat_ws contains damerau_levenshtein editdist3
    ends_with format format_bytes formatreadabledecimalsize formatreadablesize from_base64 from_binary from_hex hamming
    hash instr jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme length length_grapheme len
    levenshtein lower lpad ltrim md5 mismatches nfc_normalize octet_length ord overlay position prefix printf
    regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace
    regexp_split_to_array repeat replace reverse right right_grapheme rpad rtrim sha1 sha256 split split_part
    starts_with str_split str_split_regex string_split string_split_regex string_to_array strip_accents strlen strpos
    substr substring substring_grapheme suffix to_base64 translate trim ucase unbin unhex unicode upper url_decode
    url_encode array_to_string parse_filename parse_dirname parse_path
"""
_TIMES = """
    age ago century current_date current_localtime current_localtimestamp current_timestamp date_add date_diff date_part
    date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month
    decade epoch epoch_ms epoch_ns epoch_us era get_current_time get_current_timestamp hour isodow isoyear julian
    last_day make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz microsecond
    millennium millisecond minute month monthname nanosecond now quarter second strftime strptime time_bucket timezone
    to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes to_months
    to_quarters to_seconds to_timestamp to_weeks to_years today transaction_timestamp try_strptime week weekday
    weekofyear year yearweek
"""
_COLLECTIONS = """
    apply array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains
    array_cosine_distance array_cosine_similarity array_cross_product array_distance array_distinct array_dot_product
    array_extract array_filter array_grade_up array_has array_has_all array_has_any array_indexof array_inner_product
    array_intersect array_length array_pop_back array_pop_front array_position array_prepend array_push_back
    array_push_front array_reduce array_resize array_reverse array_reverse_sort array_select array_slice array_sort
    array_transform array_unique array_value array_where array_zip cardinality element_at filter flatten
    generate_series generate_subscripts grade_up list_aggr list_aggregate list_any_value list_append list_apply list_avg
    list_cat list_concat list_contains list_cosine_distance list_cosine_similarity list_count list_distance
    list_distinct list_dot_product list_element list_entropy list_extract list_filter list_first list_grade_up list_has
    list_has_all list_has_any list_histogram list_indexof list_inner_product list_intersect list_kurtosis list_last
    list_mad list_max list_median list_min list_mode list_pack list_position list_prepend list_product list_reduce
    list_resize list_reverse list_reverse_sort list_select list_skewness list_slice list_sort list_stddev_pop
    list_stddev_samp list_string_agg list_sum list_transform list_unique list_value list_var_pop list_var_samp
    list_where list_zip map map_concat map_contains map_entries map_extract map_extract_value map_from_entries map_keys
    map_values range reduce row struct_concat struct_extract struct_extract_at struct_insert struct_keys struct_pack
    struct_values unnest unpivot_list
"""
_JSON = """
    from_json from_json_strict json json_array json_array_length json_contains json_exists json_extract
    json_extract_path json_extract_path_text json_extract_string json_group_array json_group_object json_keys
    json_merge_patch json_object json_quote json_structure json_transform json_transform_strict json_type json_valid
    json_value row_to_json to_json array_to_json
"""
_OTHER = "alias constant_or_null error if ifnull nullif typeof count_star gen_random_uuid uuid enum_code"
_AGGREGATES = """
    any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min arg_min_null
    argmax argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if count_star countif covar_pop
    covar_samp entropy favg first fsum geomean geometric_mean group_concat histogram histogram_exact kahan_sum kurtosis
    kurtosis_pop last list listagg lttb mad max max_by mean median min min_by mode percentile_cont percentile_disc
    product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
    regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev stddev_pop stddev_samp string_agg sum sumkahan
    var_pop var_samp variance wavg weighted_avg
"""
_WINDOWS = "cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank row_number"

FUNCTIONS = frozenset(
    word
    for words in (
        _OPERATORS, _NUMBERS, _TEXTS, _TIMES, _COLLECTIONS, _JSON, _OTHER, _AGGREGATES, _WINDOWS,
    )
    for word in words.split()
)  # fmt: skip
"""Scalar functions, operators, aggregates and window functions, in lower case."""
