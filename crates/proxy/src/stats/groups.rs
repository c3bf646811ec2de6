//! Which numbers exist, by what they are about. Names and meaning are Envoy's (docs: "Statistics"
//! of each component).
//!
//! Only numbers that Carrick counts are listed; none is shown that is never touched.

use super::metric::{Counter, Gauge, Histogram, Value};

/// A set of numbers that can be shown one by one, under Envoy's names.
pub(super) trait Group {
    fn each<'a>(&'a self, show: &mut dyn FnMut(&'static str, Value<'a>));
}

macro_rules! group {
    ($(#[$doc:meta])* $name:ident { $($kind:ident { $($(#[$field_doc:meta])* $field:ident),* $(,)? })* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name {
            $($($(#[$field_doc])* pub $field: group!(@type $kind),)*)*
        }

        impl Group for $name {
            fn each<'a>(&'a self, show: &mut dyn FnMut(&'static str, Value<'a>)) {
                $($(group!(@show $kind self $field show);)*)*
            }
        }
    };
    (@type counters) => { Counter };
    (@type gauges) => { Gauge };
    (@type histograms) => { Histogram };
    (@type classes) => { [Counter; 5] };
    (@show counters $self:ident $field:ident $show:ident) => {
        $show(stringify!($field), Value::Counter($self.$field.get()))
    };
    (@show gauges $self:ident $field:ident $show:ident) => {
        $show(stringify!($field), Value::Gauge($self.$field.get()))
    };
    (@show histograms $self:ident $field:ident $show:ident) => {
        $show(stringify!($field), Value::Histogram(&$self.$field))
    };
    (@show classes $self:ident $field:ident $show:ident) => {
        for (class, counter) in (1..).zip(&$self.$field) {
            $show(stringify!($field), Value::Class(class, counter.get()));
        }
    };
}

group! {
    /// `envoy_cluster_*`
    ClusterStats {
        counters {
            upstream_cx_total, upstream_cx_http1_total, upstream_cx_http2_total, upstream_cx_connect_fail,
            upstream_cx_connect_timeout, upstream_cx_destroy, upstream_cx_none_healthy, upstream_cx_idle_timeout,
            upstream_cx_max_requests, upstream_cx_rx_bytes_total, upstream_cx_tx_bytes_total,
            upstream_rq_total, upstream_rq_completed, upstream_rq_timeout, upstream_rq_per_try_timeout,
            upstream_rq_rx_reset, upstream_rq_tx_reset, upstream_rq_retry, upstream_rq_retry_success,
            upstream_rq_retry_limit_exceeded, upstream_rq_retry_overflow, upstream_rq_pending_overflow,
        }
        classes { upstream_rq_xx }
        gauges { upstream_cx_active, upstream_rq_active, membership_total, membership_healthy }
        histograms { upstream_rq_time, upstream_cx_connect_ms }
    }
}

group! {
    /// `envoy_listener_*`
    ListenerStats {
        counters {
            downstream_cx_total, downstream_cx_destroy, no_filter_chain_match, ssl_handshake, ssl_connection_error,
            downstream_listener_filter_error, downstream_pre_cx_timeout,
        }
        gauges { downstream_cx_active }
    }
}

group! {
    /// `envoy_http_*`
    HttpStats {
        counters {
            downstream_cx_total, downstream_cx_http1_total, downstream_cx_http2_total, downstream_cx_destroy,
            downstream_cx_idle_timeout, downstream_cx_protocol_error, downstream_cx_upgrades_total,
            downstream_rq_total, downstream_rq_http1_total, downstream_rq_http2_total, downstream_rq_completed,
            downstream_rq_rx_reset, downstream_rq_idle_timeout, downstream_rq_timeout,
            no_route, no_cluster, rq_total, rq_direct_response, rq_redirect,
            rbac_allowed, rbac_denied, rbac_shadow_allowed, rbac_shadow_denied,
            fault_delays_injected, fault_aborts_injected, cors_origin_valid, cors_origin_invalid,
        }
        classes { downstream_rq_xx }
        gauges { downstream_cx_active, downstream_rq_active, downstream_cx_upgrades_active }
        histograms { downstream_rq_time }
    }
}

group! {
    /// `envoy_tcp_*`
    TcpStats {
        counters {
            downstream_cx_total, downstream_cx_no_route, downstream_cx_rx_bytes_total, downstream_cx_tx_bytes_total,
            idle_timeout,
        }
    }
}

group! {
    /// `envoy_server_*`
    ServerStats {
        gauges {
            /// 1 once the proxy serves, 0 while it drains.
            live,
            /// 0 live, 1 draining, 2 before initialisation, 3 initialising (Envoy's
            /// admin.v3.ServerInfo.State).
            state,
            uptime,
            concurrency,
            total_connections,
        }
    }
}
