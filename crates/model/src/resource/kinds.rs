//! The table of kinds: one line says all that the rest of the crate must know of a kind, beside its
//! fields and its checks.

/// Calls the macro `$expand` with one line for each kind. A line names
///
/// * the kind, as `kind:` has it, and the type of its fields (in [`crate::resources`]);
/// * where those stand: under `spec`, or `whole`, beside the metadata;
/// * the API versions under which it is accepted (a constant in `super::kind`), and whether it
///   lives in namespaces;
/// * `list`: the field of the inventory of a mesh that holds them; without it a mesh has none;
/// * `check`: the function in [`crate::validate`] that says what is wrong with one on its own.
macro_rules! kinds {
    ($expand:ident) => {
        $expand! {
            Namespace: Namespace, whole, CORE, Cluster, list namespaces;
            Service: KubernetesService, spec, CORE, Namespaced, list services, check kubernetes::service;
            ServiceAccount: ServiceAccount, whole, CORE, Namespaced, list service_accounts;
            Secret: Secret, whole, CORE, Namespaced, list secrets, check kubernetes::secret;
            Pod: Pod, whole, CORE, Namespaced, list pods, check kubernetes::pod;
            Deployment: Deployment, spec, APPS, Namespaced, list deployments, check kubernetes::deployment;
            Endpoints: Endpoints, whole, CORE, Namespaced, list endpoints, check kubernetes::endpoints;
            EndpointSlice: EndpointSlice, whole, DISCOVERY, Namespaced, list endpoint_slices, check kubernetes::endpoint_slice;
            VirtualService: VirtualService, spec, NETWORKING, Namespaced, list virtual_services, check virtual_service::check;
            DestinationRule: DestinationRule, spec, NETWORKING, Namespaced, list destination_rules, check destination_rule::check;
            ServiceEntry: ServiceEntry, spec, NETWORKING, Namespaced, list service_entries, check service_entry::check;
            WorkloadEntry: WorkloadEntry, spec, NETWORKING, Namespaced, list workload_entries, check service_entry::workload_entry;
            Gateway: Gateway, spec, NETWORKING, Namespaced, list gateways, check gateway::check;
            Sidecar: Sidecar, spec, NETWORKING, Namespaced, list sidecars, check sidecar::check;
            PeerAuthentication: PeerAuthentication, spec, SECURITY, Namespaced, list peer_authentications, check peer_authentication::check;
            AuthorizationPolicy: AuthorizationPolicy, spec, SECURITY, Namespaced, list authorization_policies, check authorization::check;
            RequestAuthentication: RequestAuthentication, spec, SECURITY, Namespaced, check refused::request_authentication;
            MeshPolicy: LegacyPolicy, spec, AUTHENTICATION, Cluster, list mesh_policies, check legacy_policy::check;
            Policy: LegacyPolicy, spec, AUTHENTICATION, Namespaced, list policies, check legacy_policy::check;
            Federation: FederationSpec, spec, CARRICK, Cluster, check refused::federation;
        }
    };
}

pub(crate) use kinds;
