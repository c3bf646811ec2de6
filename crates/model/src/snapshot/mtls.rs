//! What a workload's port accepts.

/// The server side of mutual TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MtlsMode {
    Disable,
    Permissive,
    Strict,
}

/// The mode of one port and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerMtls {
    pub mode: MtlsMode,
    /// Decided by a MeshPolicy or Policy: PERMISSIVE splits on TLS or not, whatever the ALPN.
    pub legacy: bool,
}
