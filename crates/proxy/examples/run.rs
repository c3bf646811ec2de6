//! Runs the proxy alone: `cargo run -p carrick-proxy --example run -- bootstrap.yaml [workers]
//! [drain seconds]`.

use std::path::Path;
use std::time::Duration;

use carrick_proxy::bootstrap::Bootstrap;
use carrick_proxy::runtime::{ProxyOptions, run_blocking};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: run bootstrap.yaml [workers] [drain seconds]")?;
    let concurrency = arguments.next().map(|n| n.parse()).transpose()?;
    let drain = arguments.next().map(|n| n.parse()).transpose()?.unwrap_or(5);
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let bootstrap = Bootstrap::from_file(Path::new(&path))?;
    let options = ProxyOptions { bootstrap, concurrency, drain_time: Duration::from_secs(drain) };
    run_blocking(options, async {
        let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(terminate) => terminate,
            Err(_) => return,
        };
        terminate.recv().await;
    })?;
    Ok(())
}
