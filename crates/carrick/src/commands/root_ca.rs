//! `carrick root-ca`: makes a root of trust, hands out tokens, signs, shows what was decided, and
//! takes it back.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use carrick_control::root_ca::{self, RootStore};
use carrick_identity::TrustDomain;
use carrick_identity::enrolment::{Ledger, TokenState, when};
use carrick_identity::validity::rfc3339;
use serde_json::{Value, json};

use super::{daemons, print};
use crate::args::{RootCaCommand, Target};

const DAY: Duration = Duration::from_secs(86_400);

pub async fn run(command: RootCaCommand) -> Result<ExitCode> {
    match command {
        RootCaCommand::Init { state, days, max_ca_lifetime } => {
            let (lifetime, max) = (DAY * days, DAY * max_ca_lifetime);
            RootStore::init(&state, "Carrick root CA", lifetime, max, SystemTime::now())?;
        }
        RootCaCommand::Token { state, trust_domain, expires_in } => {
            let domain = TrustDomain::new(&trust_domain)?;
            let token = RootStore::open(&state)?.issue_token(&domain, Duration::from_secs(expires_in))?;
            print(&format!("{}\n", token.expose()))?;
        }
        RootCaCommand::Serve { state, listen, max_ca_lifetime } => {
            let stop = daemons::stop_on_signals()?;
            let root = RootStore::open(&state)?;
            if let Some(days) = max_ca_lifetime {
                root.set_max_lifetime(DAY * days)?;
            }
            root_ca::serve(root, &listen, stop.cancelled_owned()).await?;
        }
        RootCaCommand::List { state, json } => {
            let ledger = RootStore::open(&state)?.ledger()?;
            match json {
                true => print(&format!("{:#}\n", document(&ledger)))?,
                false => print(&text(&ledger))?,
            }
        }
        RootCaCommand::Revoke { state, target } => {
            let root = RootStore::open(&state)?;
            match target {
                Target { token: Some(token), .. } => root.revoke_token(&token),
                Target { ca, .. } => root.revoke_ca(&ca.unwrap_or_default()),
            }
            .context("nothing was revoked; `carrick root-ca list` shows what there is")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn name(state: TokenState) -> &'static str {
    match state {
        TokenState::Unused => "unused",
        TokenState::Used => "used",
        TokenState::Expired => "expired",
        TokenState::Revoked => "revoked",
    }
}

fn document(ledger: &Ledger) -> Value {
    let now = SystemTime::now();
    let tokens = ledger.tokens().into_iter().map(|token| {
        json!({
            "id": token.id,
            "trustDomain": token.trust_domain.as_str(),
            "made": when(token.made),
            "expires": when(token.expires),
            "state": name(token.state(now)),
        })
    });
    let certificates = ledger.issued().iter().map(|issued| {
        json!({
            "serial": issued.serial,
            "identity": issued.trust_domain.id().to_string(),
            "token": issued.token,
            "issued": when(issued.at),
            "notBefore": rfc3339(issued.validity.not_before),
            "notAfter": rfc3339(issued.validity.not_after),
            "revoked": issued.revoked.map(when),
        })
    });
    json!({
        "apiVersion": "carrick.dev/v1alpha1",
        "kind": "RootCaRecord",
        "maxCaLifetimeSeconds": ledger.max_lifetime().as_secs(),
        "certificates": certificates.collect::<Vec<_>>(),
        "tokens": tokens.collect::<Vec<_>>(),
    })
}

fn text(ledger: &Ledger) -> String {
    let now = SystemTime::now();
    let mut text = String::new();
    // Writing to a String cannot fail; the same below.
    let _ =
        writeln!(text, "cluster CAs live {} days at most", ledger.max_lifetime().as_secs() / DAY.as_secs());
    let _ = writeln!(text, "\n{:<34}{:<22}{:<22}{:<18}IDENTITY", "CERTIFICATE", "ISSUED", "EXPIRES", "TOKEN");
    for issued in ledger.issued() {
        let (at, until) = (when(issued.at), rfc3339(issued.validity.not_after));
        let revoked = issued.revoked.map_or_else(String::new, |at| format!(", revoked {}", when(at)));
        let (serial, token, id) = (&issued.serial, issued.token.to_string(), issued.trust_domain.id());
        let _ = writeln!(text, "{serial:<34}{at:<22}{until:<22}{token:<18}{id}{revoked}");
    }
    let _ = writeln!(text, "\n{:<18}{:<22}{:<22}{:<10}TRUST DOMAIN", "TOKEN", "MADE", "EXPIRES", "STATE");
    for token in ledger.tokens() {
        let (id, made, expires) = (token.id.to_string(), when(token.made), when(token.expires));
        let (state, domain) = (name(token.state(now)), token.trust_domain.as_str());
        let _ = writeln!(text, "{id:<18}{made:<22}{expires:<22}{state:<10}{domain}");
    }
    text
}
