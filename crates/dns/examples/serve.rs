//! A DNS server on 127.0.0.1 with a small table, to try with `dig` or `dnsperf`:
//!
//!     cargo run -p carrick-dns --example serve -- 5300 [UPSTREAM_IP:PORT...]

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use carrick_dns::{NameTable, Settings, serve};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("give a port")?.parse()?;
    let upstreams = arguments.map(|text| text.parse()).collect::<Result<Vec<SocketAddr>, _>>()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (udp, tcp) = (UdpSocket::bind(address).await?, TcpListener::bind(address).await?);
    let (publish, tables) = watch::channel(Some(Arc::new(example_table()?)));
    eprintln!("serving on {address}; end with Ctrl-C");
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            eprintln!("cannot wait for Ctrl-C: {error}");
        }
    };
    let (change, upstreams) = watch::channel(upstreams);
    serve(udp, tcp, tables, upstreams, Settings::default(), interrupted).await;
    drop((publish, change));
    Ok(())
}

fn example_table() -> Result<NameTable, Box<dyn Error>> {
    let mut table = NameTable::new();
    table.add_zone("global", None)?;
    table.add_zone("cluster.local", None)?;
    table.add_zone("fixed", Some(IpAddr::from([1, 1, 1, 1])))?;
    table.add_host("server.ns2.svc.cluster.global", &[IpAddr::from([240, 240, 0, 1])])?;
    table.add_host("*.apps.global", &[IpAddr::from([240, 240, 0, 2])])?;
    table.add_host("kubernetes.default.svc.cluster.local", &[IpAddr::from([10, 96, 0, 1])])?;
    let v6 = IpAddr::V6(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1));
    table.add_host("dual.default.svc.cluster.local", &[IpAddr::from([10, 96, 0, 2]), v6])?;
    let pods: Vec<IpAddr> = (1..=200).map(|last| IpAddr::from([10, 0, 0, last])).collect();
    table.add_host("headless.default.svc.cluster.local", &pods)?;
    table.add_host("api.example.com", &[IpAddr::from([240, 240, 0, 3])])?;
    Ok(table)
}
