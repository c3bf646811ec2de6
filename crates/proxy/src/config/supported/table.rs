//! The rows: for each message, the fields that are obeyed and those that are accepted without effect.
//!
//! `*` stands for "judged elsewhere". A field that is in neither list is refused when it is set.

use super::Row;

pub(super) static TABLE: &[Row] = &[
    // Listeners.
    Row {
        message: "envoy.config.listener.v3.Listener",
        obeyed: "name address filter_chains use_original_dst default_filter_chain listener_filters \
         listener_filters_timeout continue_on_listener_filters_timeout transparent freebind \
         socket_options access_log tcp_backlog_size bind_to_port deprecated_v1 tcp_keepalive",
        without_effect: "stat_prefix per_connection_buffer_limit_bytes metadata drain_type \
         tcp_fast_open_queue_length traffic_direction connection_balance_config reuse_port \
         enable_reuse_port max_connections_to_accept_per_socket_event ignore_global_conn_limit \
         bypass_overload_manager",
    },
    Row {
        message: "envoy.config.listener.v3.Listener.DeprecatedV1",
        obeyed: "bind_to_port",
        without_effect: "",
    },
    Row {
        message: "envoy.config.listener.v3.ListenerFilter",
        obeyed: "name typed_config filter_disabled",
        without_effect: "",
    },
    Row {
        message: "envoy.config.listener.v3.ListenerFilterChainMatchPredicate",
        obeyed: "or_match and_match not_match any_match destination_port_range",
        without_effect: "",
    },
    Row {
        message: "envoy.config.listener.v3.ListenerFilterChainMatchPredicate.MatchSet",
        obeyed: "rules",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.filters.listener.original_dst.v3.OriginalDst",
        obeyed: "",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
        obeyed: "max_client_hello_size close_connection_on_client_hello_parsing_errors",
        without_effect: "initial_read_buffer_size",
    },
    Row {
        message: "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
        obeyed: "",
        without_effect: "",
    },
    Row {
        message: "envoy.config.listener.v3.FilterChain",
        obeyed: "filter_chain_match filters metadata transport_socket transport_socket_connect_timeout \
         name",
        without_effect: "",
    },
    Row {
        message: "envoy.config.listener.v3.FilterChainMatch",
        obeyed: "destination_port prefix_ranges direct_source_prefix_ranges source_type \
         source_prefix_ranges source_ports server_names transport_protocol application_protocols",
        without_effect: "",
    },
    Row { message: "envoy.config.listener.v3.Filter", obeyed: "name typed_config", without_effect: "" },
    Row {
        message: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        obeyed: "cluster weighted_clusters idle_timeout access_log access_log_options max_connect_attempts \
         max_downstream_connection_duration hash_policy",
        without_effect: "stat_prefix",
    },
    Row {
        message: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TcpAccessLogOptions",
        obeyed: "flush_access_log_on_connected",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster",
        obeyed: "clusters",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight",
        obeyed: "name weight",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        obeyed: "*",
        without_effect: "",
    },
    Row { message: "envoy.extensions.filters.network.rbac.v3.RBAC", obeyed: "*", without_effect: "" },
    Row { message: "envoy.config.accesslog.v3.AccessLog", obeyed: "*", without_effect: "" },
    Row { message: "envoy.config.route.v3.RouteConfiguration", obeyed: "*", without_effect: "" },
    // Clusters.
    Row {
        message: "envoy.config.cluster.v3.Cluster",
        obeyed: "name type eds_cluster_config connect_timeout lb_policy load_assignment \
         max_requests_per_connection circuit_breakers upstream_http_protocol_options \
         common_http_protocol_options http_protocol_options http2_protocol_options \
         typed_extension_protocol_options dns_refresh_rate dns_failure_refresh_rate \
         respect_dns_ttl dns_lookup_family typed_dns_resolver_config upstream_bind_config \
         common_lb_config transport_socket transport_socket_matches metadata \
         upstream_connection_options load_balancing_policy least_request_lb_config \
         round_robin_lb_config original_dst_lb_config ring_hash_lb_config maglev_lb_config outlier_detection",
        without_effect: "alt_stat_name per_connection_buffer_limit_bytes dns_jitter wait_for_warm_on_init \
         cleanup_interval track_timeout_budgets track_cluster_stats \
         close_connections_on_host_health_failure ignore_health_on_host_removal",
    },
    Row {
        message: "envoy.config.cluster.v3.Cluster.EdsClusterConfig",
        obeyed: "eds_config service_name",
        without_effect: "",
    },
    Row {
        message: "envoy.config.cluster.v3.Cluster.RefreshRate",
        obeyed: "base_interval",
        without_effect: "max_interval",
    },
    Row {
        message: "envoy.config.cluster.v3.Cluster.TransportSocketMatch",
        obeyed: "name match transport_socket",
        without_effect: "",
    },
    Row {
        message: "envoy.config.cluster.v3.Cluster.CommonLbConfig",
        obeyed: "healthy_panic_threshold locality_weighted_lb_config consistent_hashing_lb_config",
        without_effect: "update_merge_window ignore_new_hosts_until_first_hc zone_aware_lb_config \
         override_host_status",
    },
    Row {
        message: "envoy.config.cluster.v3.Cluster.CommonLbConfig.LocalityWeightedLbConfig",
        obeyed: "",
        without_effect: "",
    },
    Row { message: "envoy.config.cluster.v3.Cluster.RoundRobinLbConfig", obeyed: "", without_effect: "" },
    Row {
        message: "envoy.config.cluster.v3.Cluster.LeastRequestLbConfig",
        obeyed: "choice_count",
        without_effect: "",
    },
    Row {
        message: "envoy.config.cluster.v3.Cluster.OriginalDstLbConfig",
        obeyed: "",
        without_effect: "http_header_name",
    },
    Row {
        message: "envoy.config.cluster.v3.Cluster.RingHashLbConfig",
        obeyed: "minimum_ring_size hash_function maximum_ring_size",
        without_effect: "",
    },
    Row {
        message: "envoy.config.cluster.v3.Cluster.MaglevLbConfig",
        obeyed: "table_size",
        without_effect: "",
    },
    Row {
        message: "envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig",
        obeyed: "use_hostname_for_hashing hash_balance_factor",
        without_effect: "",
    },
    Row { message: "envoy.config.cluster.v3.CircuitBreakers", obeyed: "thresholds", without_effect: "" },
    Row {
        message: "envoy.config.cluster.v3.CircuitBreakers.Thresholds",
        obeyed: "max_connections max_pending_requests max_requests max_retries retry_budget",
        without_effect: "priority track_remaining max_connection_pools",
    },
    Row {
        message: "envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget",
        obeyed: "budget_percent min_retry_concurrency",
        without_effect: "",
    },
    Row {
        message: "envoy.config.cluster.v3.OutlierDetection",
        obeyed: "consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx \
         enforcing_success_rate consecutive_gateway_failure enforcing_consecutive_gateway_failure \
         split_external_local_origin_errors consecutive_local_origin_failure \
         enforcing_consecutive_local_origin_failure enforcing_local_origin_success_rate \
         enforcing_failure_percentage enforcing_failure_percentage_local_origin max_ejection_time \
         max_ejection_time_jitter always_eject_one_host",
        without_effect: "success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor \
         failure_percentage_threshold failure_percentage_minimum_hosts \
         failure_percentage_request_volume successful_active_health_check_uneject_host",
    },
    Row {
        message: "envoy.config.cluster.v3.UpstreamConnectionOptions",
        obeyed: "tcp_keepalive",
        without_effect: "set_local_interface_name_on_upstream_connections happy_eyeballs_config",
    },
    Row { message: "envoy.config.cluster.v3.LoadBalancingPolicy", obeyed: "policies", without_effect: "" },
    Row {
        message: "envoy.config.cluster.v3.LoadBalancingPolicy.Policy",
        obeyed: "typed_extension_config",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
        obeyed: "locality_lb_config",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
        obeyed: "choice_count locality_lb_config",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.load_balancing_policies.random.v3.Random",
        obeyed: "locality_lb_config",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash",
        obeyed: "hash_function minimum_ring_size maximum_ring_size use_hostname_for_hashing \
         consistent_hashing_lb_config locality_weighted_lb_config",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.load_balancing_policies.maglev.v3.Maglev",
        obeyed: "table_size consistent_hashing_lb_config locality_weighted_lb_config",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig",
        obeyed: "use_hostname_for_hashing hash_balance_factor",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided",
        obeyed: "",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig",
        obeyed: "locality_weighted_lb_config",
        without_effect: "zone_aware_lb_config",
    },
    Row {
        message: "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.LocalityWeightedLbConfig",
        obeyed: "",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        obeyed: "resolvers",
        without_effect: "dns_resolver_options udp_max_queries query_timeout_seconds query_tries \
         rotate_nameservers",
    },
    Row {
        message: "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        obeyed: "common_http_protocol_options upstream_http_protocol_options explicit_http_config \
         use_downstream_protocol_config",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig",
        obeyed: "http_protocol_options http2_protocol_options",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig",
        obeyed: "http_protocol_options http2_protocol_options",
        without_effect: "",
    },
    Row {
        message: "envoy.config.core.v3.HttpProtocolOptions",
        obeyed: "idle_timeout max_requests_per_connection",
        without_effect: "",
    },
    Row {
        message: "envoy.config.core.v3.Http1ProtocolOptions",
        obeyed: "enable_trailers",
        without_effect: "allow_absolute_url accept_http_10 default_host_for_http_10 \
         allow_chunked_length use_balsa_parser",
    },
    Row {
        message: "envoy.config.core.v3.Http2ProtocolOptions",
        obeyed: "max_concurrent_streams initial_stream_window_size initial_connection_window_size",
        without_effect: "hpack_table_size allow_connect allow_metadata max_outbound_frames \
         max_outbound_control_frames max_consecutive_inbound_frames_with_empty_payload \
         max_inbound_priority_frames_per_stream \
         max_inbound_window_update_frames_per_data_frame_sent \
         stream_error_on_invalid_http_messaging override_stream_error_on_invalid_http_message \
         use_oghttp2_codec max_metadata_size enable_huffman_encoding",
    },
    Row {
        message: "envoy.config.core.v3.UpstreamHttpProtocolOptions",
        obeyed: "auto_sni auto_san_validation",
        without_effect: "",
    },
    // Endpoints.
    Row {
        message: "envoy.config.endpoint.v3.ClusterLoadAssignment",
        obeyed: "cluster_name endpoints",
        without_effect: "",
    },
    Row {
        message: "envoy.config.endpoint.v3.LocalityLbEndpoints",
        obeyed: "locality lb_endpoints load_balancing_weight priority",
        without_effect: "metadata proximity",
    },
    Row {
        message: "envoy.config.endpoint.v3.LbEndpoint",
        obeyed: "endpoint health_status metadata load_balancing_weight",
        without_effect: "",
    },
    Row {
        message: "envoy.config.endpoint.v3.Endpoint",
        obeyed: "address hostname",
        without_effect: "health_check_config observability_name",
    },
    // TLS and secrets.
    Row {
        message: "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
        obeyed: "",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        obeyed: "common_tls_context require_client_certificate",
        without_effect: "disable_stateless_session_resumption disable_stateful_session_resumption session_timeout \
         ocsp_staple_policy full_scan_certs_on_sni_mismatch",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        obeyed: "common_tls_context sni auto_host_sni auto_sni_san_validation",
        without_effect: "max_session_keys enforce_rsa_key_usage",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext",
        obeyed: "tls_params tls_certificates tls_certificate_sds_secret_configs validation_context \
         validation_context_sds_secret_config combined_validation_context alpn_protocols",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext",
        obeyed: "default_validation_context validation_context_sds_secret_config",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.TlsParameters",
        obeyed: "tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites ecdh_curves",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.TlsCertificate",
        obeyed: "certificate_chain private_key",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext",
        obeyed: "trusted_ca match_typed_subject_alt_names match_subject_alt_names verify_certificate_spki \
         verify_certificate_hash",
        without_effect: "suppress_client_ca_list",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher",
        obeyed: "san_type matcher",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig",
        obeyed: "name sds_config",
        without_effect: "",
    },
    Row {
        message: "envoy.extensions.transport_sockets.tls.v3.Secret",
        obeyed: "name tls_certificate validation_context",
        without_effect: "",
    },
    Row {
        message: "envoy.type.matcher.v3.StringMatcher",
        obeyed: "exact prefix suffix contains safe_regex ignore_case",
        without_effect: "",
    },
    Row { message: "envoy.type.matcher.v3.RegexMatcher", obeyed: "regex", without_effect: "google_re2" },
    // Parts of many messages.
    Row { message: "envoy.config.core.v3.Address", obeyed: "socket_address pipe", without_effect: "" },
    Row {
        message: "envoy.config.core.v3.SocketAddress",
        obeyed: "protocol address port_value named_port ipv4_compat",
        without_effect: "",
    },
    Row { message: "envoy.config.core.v3.Pipe", obeyed: "path", without_effect: "" },
    Row {
        message: "envoy.config.core.v3.CidrRange",
        obeyed: "address_prefix prefix_len",
        without_effect: "",
    },
    Row {
        message: "envoy.config.core.v3.BindConfig",
        obeyed: "source_address freebind socket_options",
        without_effect: "",
    },
    Row {
        message: "envoy.config.core.v3.SocketOption",
        obeyed: "level name state int_value buf_value",
        without_effect: "description",
    },
    Row {
        message: "envoy.config.core.v3.TcpKeepalive",
        obeyed: "keepalive_probes keepalive_time keepalive_interval",
        without_effect: "",
    },
    Row { message: "envoy.config.core.v3.TransportSocket", obeyed: "name typed_config", without_effect: "" },
    Row {
        message: "envoy.config.core.v3.TypedExtensionConfig",
        obeyed: "name typed_config",
        without_effect: "",
    },
    Row {
        message: "envoy.config.core.v3.DataSource",
        obeyed: "filename inline_bytes inline_string",
        without_effect: "",
    },
    Row { message: "envoy.config.core.v3.Metadata", obeyed: "*", without_effect: "" },
    Row { message: "envoy.config.core.v3.Locality", obeyed: "region zone sub_zone", without_effect: "" },
    Row {
        message: "envoy.config.core.v3.ConfigSource",
        obeyed: "ads api_config_source initial_fetch_timeout resource_api_version",
        without_effect: "",
    },
    Row { message: "envoy.config.core.v3.AggregatedConfigSource", obeyed: "", without_effect: "" },
    Row {
        message: "envoy.config.core.v3.ApiConfigSource",
        obeyed: "api_type transport_api_version grpc_services",
        without_effect: "set_node_on_first_message_only rate_limit_settings request_timeout",
    },
    Row { message: "envoy.config.core.v3.GrpcService", obeyed: "envoy_grpc", without_effect: "timeout" },
    Row {
        message: "envoy.config.core.v3.GrpcService.EnvoyGrpc",
        obeyed: "cluster_name authority",
        without_effect: "max_receive_message_length skip_envoy_headers retry_policy",
    },
    Row { message: "envoy.type.v3.HashPolicy", obeyed: "source_ip", without_effect: "" },
    Row { message: "envoy.type.v3.HashPolicy.SourceIp", obeyed: "", without_effect: "" },
    Row { message: "envoy.type.v3.Percent", obeyed: "value", without_effect: "" },
    Row { message: "envoy.type.v3.Int32Range", obeyed: "start end", without_effect: "" },
    // The bootstrap; resources in it are judged one by one.
    Row {
        message: "envoy.config.bootstrap.v3.Bootstrap",
        obeyed: "node static_resources dynamic_resources cluster_manager admin typed_dns_resolver_config",
        without_effect: "node_context_params stats_config stats_flush_interval stats_flush_on_admin \
         deferred_stat_options watchdog watchdogs layered_runtime enable_dispatcher_stats \
         header_prefix default_regex_engine application_log_config memory_allocator_manager \
         enable_worker_cpu_affinity grpc_async_client_manager_config",
    },
    Row { message: "envoy.config.core.v3.Node", obeyed: "*", without_effect: "" },
    Row { message: "envoy.config.bootstrap.v3.Bootstrap.StaticResources", obeyed: "*", without_effect: "" },
    Row {
        message: "envoy.config.bootstrap.v3.Bootstrap.DynamicResources",
        obeyed: "lds_config cds_config ads_config",
        without_effect: "",
    },
    Row {
        message: "envoy.config.bootstrap.v3.ClusterManager",
        obeyed: "upstream_bind_config",
        without_effect: "local_cluster_name outlier_detection enable_deferred_cluster_creation",
    },
    Row {
        message: "envoy.config.bootstrap.v3.Admin",
        obeyed: "address",
        without_effect: "access_log_path profile_path ignore_global_conn_limit access_log",
    },
];
