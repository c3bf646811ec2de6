//! `carrick root-ca`: makes a root of trust, hands out tokens, signs, shows what was decided, and
//! takes it back.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use carrick_api::Kind;
use carrick_api::root_ca::{CaCertificate, EnrolmentToken, RootCaRecord, TokenState};
use carrick_control::root_ca::{self, RootStore};
use carrick_identity::TrustDomain;
use carrick_identity::enrolment::{self, Ledger, when};
use carrick_identity::validity::rfc3339;

use super::{daemons, print, print_document};
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
                true => print_document(Kind::RootCaRecord, &record(&ledger))?,
                false => print(&text(&record(&ledger)))?,
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

fn record(ledger: &Ledger) -> RootCaRecord {
    let now = SystemTime::now();
    let certificates = ledger.issued().iter().map(|issued| CaCertificate {
        serial: issued.serial.clone(),
        identity: issued.trust_domain.id().to_string(),
        token: issued.token.to_string(),
        issued: when(issued.at),
        not_before: rfc3339(issued.validity.not_before),
        not_after: rfc3339(issued.validity.not_after),
        revoked: issued.revoked.map(when),
    });
    let tokens = ledger.tokens().into_iter().map(|token| EnrolmentToken {
        name: token.id.to_string(),
        trust_domain: token.trust_domain.as_str().to_owned(),
        made: when(token.made),
        expires: when(token.expires),
        state: match token.state(now) {
            enrolment::TokenState::Unused => TokenState::Unused,
            enrolment::TokenState::Used => TokenState::Used,
            enrolment::TokenState::Expired => TokenState::Expired,
            enrolment::TokenState::Revoked => TokenState::Revoked,
        },
    });
    RootCaRecord {
        max_ca_lifetime_s: ledger.max_lifetime().as_secs(),
        certificates: certificates.collect(),
        tokens: tokens.collect(),
    }
}

fn text(record: &RootCaRecord) -> String {
    let mut text = String::new();
    let days = record.max_ca_lifetime_s / DAY.as_secs();
    // Writing to a String cannot fail; the same below.
    let _ = writeln!(text, "cluster CAs live {days} days at most");
    let _ = writeln!(text, "\n{:<34}{:<22}{:<22}{:<18}IDENTITY", "CERTIFICATE", "ISSUED", "EXPIRES", "TOKEN");
    for one in &record.certificates {
        let revoked = one.revoked.as_ref().map_or_else(String::new, |at| format!(", revoked {at}"));
        let CaCertificate { serial, issued, not_after, token, identity, .. } = one;
        let _ = writeln!(text, "{serial:<34}{issued:<22}{not_after:<22}{token:<18}{identity}{revoked}");
    }
    let _ = writeln!(text, "\n{:<18}{:<22}{:<22}{:<10}TRUST DOMAIN", "TOKEN", "MADE", "EXPIRES", "STATE");
    for EnrolmentToken { name, trust_domain, made, expires, state } in &record.tokens {
        let state = describe(*state);
        let _ = writeln!(text, "{name:<18}{made:<22}{expires:<22}{state:<10}{trust_domain}");
    }
    text
}

fn describe(state: TokenState) -> &'static str {
    match state {
        TokenState::Unused => "unused",
        TokenState::Used => "used",
        TokenState::Expired => "expired",
        TokenState::Revoked => "revoked",
    }
}
