//! One HTTP/1.1 request on a connection that is there, and its whole answer.
//!
//! It must not know what carries the bytes.

use std::io::{BufRead, BufReader, Read, Write};

use anyhow::{Context, Result, bail};

use super::{HttpOrder, Outcome, Step};

/// An answer longer than this is cut: it is only shown.
const MAX_BODY: u64 = 1024 * 1024;
const MAX_LINE: u64 = 64 * 1024;

pub fn exchange(
    mut stream: impl Read + Write,
    request: Option<&HttpOrder>,
    outcome: &mut Outcome,
) -> Result<()> {
    outcome.step = Step::Request;
    let Some(request) = request else { return Ok(()) };
    write!(
        stream,
        "GET {} HTTP/1.1\r\nhost: {}\r\nuser-agent: carrick\r\naccept: */*\r\nconnection: close\r\n\r\n",
        request.path, request.host
    )?;
    stream.flush()?;
    let mut reader = BufReader::new(stream);
    let first = line(&mut reader)?;
    if first.is_empty() {
        bail!("the connection was closed without an answer");
    }
    let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    let status: u16 = status.with_context(|| format!("the answer is not HTTP: {first:?}"))?;
    let mut length = None;
    loop {
        let header = line(&mut reader)?;
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let mut body = Vec::new();
    let read = reader.take(length.unwrap_or(MAX_BODY).min(MAX_BODY)).read_to_end(&mut body);
    // Without a length the end of the connection ends the body, however it comes.
    if length.is_some() {
        read?;
    }
    outcome.status = Some(status);
    outcome.body = Some(String::from_utf8_lossy(&body).into_owned());
    Ok(())
}

fn line(reader: &mut impl BufRead) -> Result<String> {
    let mut bytes = Vec::new();
    reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
}
