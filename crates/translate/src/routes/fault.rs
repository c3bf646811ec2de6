//! Injected faults, as what a route tells the fault filter
//! (`pilot/pkg/networking/core/route/route.go`, `TranslateFault`).

use carrick_model::resources::{FaultAbort, FaultDelay, HttpFaultInjection, Percent, grpc_status_number};

use super::fraction;
use crate::duration::duration;
use carrick_xds::pb::envoy::extensions::filters::common::fault::v3::{
    FaultDelay as EnvoyDelay, fault_delay::FaultDelaySecifier,
};
use carrick_xds::pb::envoy::extensions::filters::http::fault::v3::{
    FaultAbort as EnvoyAbort, HttpFault, fault_abort::ErrorType,
};
use carrick_xds::pb::envoy::r#type::v3::FractionalPercent;

/// `None` where nothing is injected that can be said in Envoy's words.
pub(super) fn http_fault(fault: &HttpFaultInjection) -> Option<HttpFault> {
    let translated = HttpFault {
        delay: fault.delay.as_ref().and_then(delay),
        abort: fault.abort.as_ref().and_then(abort),
        ..Default::default()
    };
    (translated != HttpFault::default()).then_some(translated)
}

fn delay(delay: &FaultDelay) -> Option<EnvoyDelay> {
    let fixed = delay.fixed_delay.filter(|time| !time.is_zero())?;
    Some(EnvoyDelay {
        percentage: Some(share(delay.percentage, delay.percent)),
        fault_delay_secifier: Some(FaultDelaySecifier::FixedDelay(duration(fixed))),
    })
}

fn abort(abort: &FaultAbort) -> Option<EnvoyAbort> {
    let error = match (abort.http_status, &abort.grpc_status) {
        (Some(status), _) => ErrorType::HttpStatus(status),
        (None, Some(name)) => ErrorType::GrpcStatus(grpc_status_number(name)?),
        (None, None) => return None,
    };
    Some(EnvoyAbort {
        error_type: Some(error),
        percentage: Some(share(abort.percentage, abort.percent)),
        ..Default::default()
    })
}

/// Nothing said means no request at all (Istio reference, `HTTPFaultInjection`).
fn share(percentage: Option<Percent>, deprecated: Option<u32>) -> FractionalPercent {
    let whole = deprecated.map_or(0.0, f64::from);
    fraction(percentage.map_or(whole, |percentage| percentage.value))
}
