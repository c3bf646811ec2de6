//! Access-log filters: which entries a log wants.
//!
//! It must not know how entries are written.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::accesslog::v3::access_log_filter::FilterSpecifier;
use carrick_xds::pb::envoy::config::accesslog::v3::{self as pb, comparison_filter::Op};

use super::entry::LogEntry;
use super::flags::{ResponseFlag, ResponseFlags};

/// A condition on entries (Envoy's `AccessLogFilter`).
#[derive(Debug, Clone)]
pub(super) enum Filter {
    Status(Comparison),
    /// In milliseconds.
    Duration(Comparison),
    /// Carrick has no health-check filter, so nothing is a health check.
    NotHealthCheck,
    /// Any of these flags, or any flag at all if none is named.
    Flags(ResponseFlags),
    And(Vec<Filter>),
    Or(Vec<Filter>),
}

#[derive(Debug, Clone)]
pub(super) struct Comparison {
    op: Op,
    value: u64,
}

impl Filter {
    pub(super) fn from_proto(pb: &pb::AccessLogFilter) -> Result<Self, FieldError> {
        let Some(specifier) = &pb.filter_specifier else {
            return Err(FieldError::new("filter_specifier", "is required"));
        };
        let refused = |field: &str| Err(FieldError::new(field, "this access log filter is not supported"));
        match specifier {
            FilterSpecifier::StatusCodeFilter(filter) => Comparison::from_proto(filter.comparison.as_ref())
                .map(Self::Status)
                .map_err(|error| error.within("status_code_filter.comparison")),
            FilterSpecifier::DurationFilter(filter) => Comparison::from_proto(filter.comparison.as_ref())
                .map(Self::Duration)
                .map_err(|error| error.within("duration_filter.comparison")),
            FilterSpecifier::NotHealthCheckFilter(_) => Ok(Self::NotHealthCheck),
            FilterSpecifier::ResponseFlagFilter(filter) => flags(&filter.flags).map(Self::Flags),
            FilterSpecifier::AndFilter(filter) => all(&filter.filters, "and_filter").map(Self::And),
            FilterSpecifier::OrFilter(filter) => all(&filter.filters, "or_filter").map(Self::Or),
            FilterSpecifier::TraceableFilter(_) => refused("traceable_filter"),
            FilterSpecifier::RuntimeFilter(_) => refused("runtime_filter"),
            FilterSpecifier::HeaderFilter(_) => refused("header_filter"),
            FilterSpecifier::GrpcStatusFilter(_) => refused("grpc_status_filter"),
            FilterSpecifier::ExtensionFilter(_) => refused("extension_filter"),
            FilterSpecifier::MetadataFilter(_) => refused("metadata_filter"),
            FilterSpecifier::LogTypeFilter(_) => refused("log_type_filter"),
        }
    }

    pub(super) fn wants(&self, entry: &LogEntry) -> bool {
        match self {
            Self::Status(comparison) => comparison.holds(entry.response_code.unwrap_or(0).into()),
            Self::Duration(comparison) => {
                comparison.holds(u64::try_from(entry.duration.as_millis()).unwrap_or(u64::MAX))
            }
            Self::NotHealthCheck => true,
            Self::Flags(flags) if flags.is_empty() => !entry.flags.is_empty(),
            Self::Flags(flags) => entry.flags.intersects(*flags),
            Self::And(filters) => filters.iter().all(|filter| filter.wants(entry)),
            Self::Or(filters) => filters.iter().any(|filter| filter.wants(entry)),
        }
    }
}

fn all(filters: &[pb::AccessLogFilter], field: &str) -> Result<Vec<Filter>, FieldError> {
    let filter = |(index, pb)| {
        Filter::from_proto(pb).map_err(|error| error.within(format!("{field}.filters[{index}]")))
    };
    filters.iter().enumerate().map(filter).collect()
}

fn flags(names: &[String]) -> Result<ResponseFlags, FieldError> {
    let flag = |(index, name): (usize, &String)| {
        ResponseFlag::from_short(name).ok_or_else(|| {
            FieldError::new(
                format!("response_flag_filter.flags[{index}]"),
                format!("unknown response flag {name}"),
            )
        })
    };
    names.iter().enumerate().map(flag).collect()
}

impl Comparison {
    fn from_proto(pb: Option<&pb::ComparisonFilter>) -> Result<Self, FieldError> {
        let Some(pb) = pb else { return Err(FieldError::new("", "is required")) };
        let op =
            Op::try_from(pb.op).map_err(|_| FieldError::new("op", format!("unknown operator {}", pb.op)))?;
        let Some(value) = &pb.value else { return Err(FieldError::new("value", "is required")) };
        Ok(Self { op, value: value.default_value.into() })
    }

    fn holds(&self, actual: u64) -> bool {
        match self.op {
            Op::Eq => actual == self.value,
            Op::Ge => actual >= self.value,
            Op::Le => actual <= self.value,
            Op::Ne => actual != self.value,
        }
    }
}
