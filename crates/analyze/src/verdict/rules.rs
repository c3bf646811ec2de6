//! The rules about calls that go wrong on their way.

use crate::rule::Rule;
use carrick_model::diagnostic::Severity;

pub(crate) const NO_MESH_PROTOCOL: Rule = Rule {
    code: "CRK103",
    severity: Severity::Error,
    title: "TLS without Istio's ALPN comes to a PERMISSIVE port",
    why: "\
A modern PERMISSIVE port tells mutual TLS from an application's own TLS by the protocols that the client offers (ALPN `istio`, `istio-peer-exchange` and the like). \
ISTIO_MUTUAL offers them, MUTUAL and SIMPLE do not. On an HTTP port there is no filter chain for such a connection, and it is closed; on a TCP port the TLS goes on to the \
application unopened. Istio 1.0, for which the first federation set-ups were written, looked at TLS alone (a MeshPolicy or Policy still means that here), so these files work there and fail \
after an upgrade with nothing but 503. An AUTO_PASSTHROUGH gateway looks at the same protocols.

Carrick's own sidecars take whatever comes over a PASSTHROUGH gateway for mutual TLS, whatever its ALPN (see CRK151), and so these calls too. The files are still not fit for Istio.",
    help: "Use ISTIO_MUTUAL with `sni` and `subjectAltNames`, or make the server's PeerAuthentication STRICT.",
};

pub(crate) const WRONG_TRUST_DOMAIN: Rule = Rule {
    code: "CRK104",
    severity: Severity::Error,
    title: "the pinned identity is of another trust domain than the cluster that answers",
    why: "\
A SPIFFE ID begins with the trust domain of the cluster that issued it: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. The name that is written here begins with another one, often the \
caller's own, or `cluster.local` from an example. No certificate of the answering cluster can have it, so the handshake always fails.",
    help: "Pin the identity in the trust domain of the cluster that exposes the service.",
};

pub(crate) const IDENTITY_NOBODY_HAS: Rule = Rule {
    code: "CRK105",
    severity: Severity::Error,
    title: "no pod of the service has any of the pinned identities",
    why: "\
The client insists on a name that the server's pods do not have: another namespace, another service account, a slip of the pen, or a name that the account had before. The identity is that of \
the pods' service account, not of the Service. The handshake always fails.",
    help: "Pin the identity of the service account under which the server's pods run.",
};

pub(crate) const ONE_SIDE_PLAIN: Rule = Rule {
    code: "CRK106",
    severity: Severity::Error,
    title: "one side of a hop speaks TLS, and the other plain text",
    why: "\
Nothing encrypts by itself to a host outside of the mesh, and an imported name is one (`location: MESH_EXTERNAL`). Without a DestinationRule the sidecar sends plain text, in which a gateway that routes by \
SNI finds no name; with `mode: DISABLE` it does so to a STRICT server. The other way round, TLS that comes to a plain HTTP port is answered with 400 or a closed connection.",
    help: "Let both sides agree: a DestinationRule with ISTIO_MUTUAL on the client's side where the other side takes TLS.",
};

pub(crate) const NOBODY_ENDS_TLS: Rule = Rule {
    code: "CRK108",
    severity: Severity::Error,
    title: "TLS comes to a workload that does not end it",
    why: "\
Both gateways pass TLS on unopened, so it must end at the server's sidecar. These pods have none (their namespace is not injected, or they refuse it), or their PeerAuthentication says DISABLE. The \
application gets a TLS handshake where it expects HTTP.",
    help: "Label the namespace `istio-injection: enabled`, and let the port be STRICT or PERMISSIVE.",
};

pub(crate) const NO_CLIENT_CERTIFICATE: Rule = Rule {
    code: "CRK109",
    severity: Severity::Error,
    title: "the server asks for a client certificate, and the client shows none",
    why: "\
A sidecar that takes mutual TLS demands a certificate of the mesh from every client. `mode: SIMPLE` is TLS as a browser speaks it: it checks the server and shows nothing. The handshake fails.",
    help: "Use ISTIO_MUTUAL, or MUTUAL with the workload's certificate.",
};

pub(crate) const NOT_EXPOSED: Rule = Rule {
    code: "CRK131",
    severity: Severity::Error,
    title: "a name is imported that the other cluster does not expose",
    why: "\
The call leaves the cluster and comes to the other cluster's ingress gateway, which routes by SNI and has no route for this one. It closes the connection without a word, since it must not tell what else there is. The \
caller sees 503 with `UF` or a reset.",
    help: "Expose the name in the other cluster (a Gateway host and a VirtualService with `sniHosts`), or correct it in the ServiceEntry or the DestinationRule's `sni`.",
};

pub(crate) const NO_SUCH_INGRESS: Rule = Rule {
    code: "CRK132",
    severity: Severity::Error,
    title: "a route leads to an address that is no cluster's ingress gateway",
    why: "\
The address lies in the network between the clusters (`spec.networks.internet` of the federation file), and there only ingress gateways accept connections. It is an egress gateway's, or nobody's, perhaps \
since a cluster has moved.",
    help: "Use the ingress address of the cluster that is meant; `${CLUSTER.ingress.address}` in `substitute` keeps it right.",
};

pub(crate) const SNI_REFUSED: Rule = Rule {
    code: "CRK133",
    severity: Severity::Error,
    title: "the sidecar sends an SNI for which its gateway has no route",
    why: "\
Where `sni` is not written, ISTIO_MUTUAL sends Istio's own name for port and subset, `outbound_.80_._.HOST`, which only AUTO_PASSTHROUGH understands. A gateway whose routes list `HOST` does not know it and closes the \
connection (Istio, \"Egress gateways\").",
    help: "Write `sni` beside `mode`, with a name that the gateway's routes list in `sniHosts`.",
};

pub(crate) const PORT_CLOSED: Rule = Rule {
    code: "CRK134",
    severity: Severity::Error,
    title: "a call comes to a gateway's port on which nothing listens",
    why: "\
The next hop's port is not one on which the gateway there has a server, so the connection is refused. At an endpoint, the port is `endpoints[].ports`, else the port's `targetPort`, else its `number`; \
a gateway listens on the target port of its Service behind the port that the Gateway declares.",
    help: "Use a port that the gateway has, or add a server for this one.",
};

pub(crate) const NO_SERVICE_PORT: Rule = Rule {
    code: "CRK135",
    severity: Severity::Error,
    title: "an endpoint names a Service and a port that it does not have",
    why: "\
The endpoint's address is the name of a Service of this cluster. It resolves to the Service's own address, which answers on the Service's ports only, not on the target ports behind them.",
    help: "Name one of the Service's ports in the endpoint's `ports`, or add the port to the Service.",
};

pub(crate) const PAST_THE_EGRESS_GATEWAY: Rule = Rule {
    code: "CRK136",
    severity: Severity::Warning,
    title: "sidecars call another cluster's ingress gateway directly",
    why: "\
The ServiceEntry's endpoint is the far ingress gateway, so connections leave from each pod instead of from the egress gateway. What is meant to watch or limit what leaves the cluster does not see them, and pods need a way to the network between \
the clusters. In a federation that `carrick up` runs they have none: only gateways are on that network, and the calls fail with \"no route to host\".",
    help: "Make the local egress gateway the endpoint of the imported name, and let its VirtualService lead on to the far ingress.",
};
