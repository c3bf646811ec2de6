//! The longer text of each code of one resource or one cluster. Those of the whole are in
//! `carrick-analyze`.

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    pub code: &'static str,
    pub text: &'static str,
}

/// All codes that [`super::codes`] names, in their order.
pub fn explanations() -> impl Iterator<Item = Explanation> {
    TEXTS.iter().map(|(code, text)| Explanation { code, text })
}

const TEXTS: &[(&str, &str)] = &[
    (
        "CRK001",
        "The text is not YAML (nor JSON, which is YAML). Only this document is lost; the others of the file count. A file that was sound \
         before stays in force as it was.",
    ),
    (
        "CRK002",
        "The document is larger or nested deeper than a configuration may be. No hand-written resource comes near the limits; they \
         stop texts that are made to exhaust memory.",
    ),
    (
        "CRK003",
        "`apiVersion`, `kind` or `metadata.name` is missing or is no text, so nobody can tell what the document is about.",
    ),
    (
        "CRK004",
        "The kind, or its API group, is none that Carrick reads. Kubernetes kinds that mean nothing to a mesh (ConfigMap, Ingress, \
         …) are passed over without a word; everything else is named, because a misspelt kind would be lost otherwise.",
    ),
    (
        "CRK005",
        "The kind is known, but this version of its API is not. The versions that are read are listed with the finding.",
    ),
    (
        "CRK006",
        "A file or folder is there and cannot be read, mostly for want of permission. What was read of it last stays in force; a control \
         plane that has never read it does not start without it.",
    ),
    (
        "CRK201",
        "The kind has no such field. Kubernetes would drop it in silence or refuse it, and the author would believe that it has an \
         effect. Where the word is close to a field's name, the finding names that field.",
    ),
    ("CRK202", "The value is of another type than the field: a text where a list belongs, for example."),
    ("CRK203", "The word is none of those that the field takes. Case counts."),
    (
        "CRK204",
        "The number is outside of the field's range; a port from 1 to 65535, a percentage from 0 to 100, a status from 200 to 599.",
    ),
    ("CRK205", "A field that the kind cannot do without is missing or empty."),
    (
        "CRK206",
        "The value does not have the form that the field needs: a duration such as `1.5s`, a DNS label, a regular expression (RE2).",
    ),
    (
        "CRK301",
        "The host name or wildcard can never match: it is no DNS name, or a wildcard where none is allowed.",
    ),
    ("CRK302", "The value is no IP address, or no CIDR such as `10.0.0.0/8`; or no address is left to give."),
    ("CRK303", "Two fields contradict each other, and either could have been meant."),
    ("CRK304", "A name or number that must be unique stands twice in one resource."),
    (
        "CRK305",
        "The field has no effect where it stands. The resource is applied without it; its author wanted something.",
    ),
    (
        "CRK306",
        "Carrick does not support this kind or field. It is never half-obeyed: where leaving it out would be wrong, the resource is \
         refused; else it is applied without the field, and the finding says so.",
    ),
    (
        "CRK401",
        "Two resources have one kind, namespace and name. The first one counts, in the order of the files.",
    ),
    (
        "CRK402",
        "The resource names another one that does not exist. A VirtualService whose gateways all do not exist is refused.",
    ),
    (
        "CRK403",
        "A route leads to a subset that no DestinationRule of this cluster defines. The proxy has no such upstream; it answers 503 with the \
         flag NC (no cluster).",
    ),
    (
        "CRK404",
        "A host is named that no Service and no ServiceEntry declares, or none that this namespace may see (`exportTo`).",
    ),
    ("CRK405", "The referenced service or ServiceEntry has no such port. Requests are answered with 503."),
    (
        "CRK406",
        "The selector matches no workload and no Deployment's pods, so the resource has no effect on anybody.",
    ),
    (
        "CRK407",
        "Another resource already decides this, and it wins: of two services with one host in one namespace, Kubernetes' counts before a \
         ServiceEntry's, then the older one.",
    ),
    (
        "CRK501",
        "The federation file is incomplete or contradicts itself. Nothing can be known without it, so nothing starts.",
    ),
    (
        "CRK901",
        "The container's image cannot be run on one machine: there is no container engine. Give the container a `command` that the \
         machine has. On Kubernetes the Deployment runs as it is.",
    ),
];

#[cfg(test)]
mod tests;
