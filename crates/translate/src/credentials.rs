//! Kubernetes Secrets as the secrets that listeners and clusters name (`pilot/pkg/xds/sds.go`). A
//! proxy gets only those of its own namespace: who can read them there is Kubernetes' business, and
//! nobody reads further with Carrick's help.

use carrick_model::resources::{Secret as Written, ServerTlsSettings};
use carrick_xds::ProxyResources;

use crate::context::Context;
use crate::envoy::core::{DataSource, data_source::Specifier};
use crate::envoy::tls::{CertificateValidationContext, Secret, TlsCertificate, secret};
use crate::tls::secrets::{kubernetes, kubernetes_roots};

/// Adds what a server names. `false`: something is missing, and the server cannot be.
pub(crate) fn provide_for_server(
    context: &Context<'_>,
    tls: &ServerTlsSettings,
    resources: &mut ProxyResources,
) -> bool {
    let certificate = tls.certificate_credential().map(|(_, name)| certificate(context, name));
    let roots = tls.roots_credential().map(|(_, name)| roots(context, name));
    provide([certificate, roots], resources)
}

/// Adds what a client of this name presents, if it presents anything, and the roots that it trusts.
pub(crate) fn provide_for_client(
    context: &Context<'_>,
    name: &str,
    presents: bool,
    resources: &mut ProxyResources,
) -> bool {
    let certificate = presents.then(|| certificate(context, name));
    provide([certificate, Some(roots(context, name))], resources)
}

/// `None` is not wanted, `Some(None)` is wanted and missing.
fn provide(wanted: [Option<Option<Secret>>; 2], resources: &mut ProxyResources) -> bool {
    let wanted: Vec<Option<Secret>> = wanted.into_iter().flatten().collect();
    let complete = wanted.iter().all(Option::is_some);
    if complete {
        wanted.iter().flatten().for_each(|secret| resources.add_secret(secret));
    }
    complete
}

fn certificate(context: &Context<'_>, name: &str) -> Option<Secret> {
    let (chain, key) = written(context, name)?.certificate()?;
    let certificate = TlsCertificate {
        certificate_chain: Some(inline(chain)),
        private_key: Some(inline(key)),
        ..Default::default()
    };
    Some(Secret { name: kubernetes(name), r#type: Some(secret::Type::TlsCertificate(certificate)) })
}

/// From the Secret `NAME-cacert`, else from `NAME` itself.
fn roots(context: &Context<'_>, name: &str) -> Option<Secret> {
    let beside = written(context, &format!("{name}-cacert")).and_then(Written::roots);
    let roots = beside.or_else(|| written(context, name)?.roots())?;
    let validation = CertificateValidationContext { trusted_ca: Some(inline(roots)), ..Default::default() };
    Some(Secret { name: kubernetes_roots(name), r#type: Some(secret::Type::ValidationContext(validation)) })
}

fn written<'a>(context: &Context<'a>, name: &str) -> Option<&'a Written> {
    context.snapshot.secret(&context.node.namespace, name)
}

fn inline(bytes: Vec<u8>) -> DataSource {
    DataSource { specifier: Some(Specifier::InlineBytes(bytes)), ..Default::default() }
}
