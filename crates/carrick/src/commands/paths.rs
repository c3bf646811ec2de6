//! Where this user's federations live, by the XDG base directory specification, and which Envoy
//! there is.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::args::{Environment, Which};
use crate::fleet::client::{Federation, running};
use crate::fleet::envoy::{Envoy, EnvoyHop};
use crate::fleet::layout::RunDir;
use crate::fleet::outer::UserPaths;

/// `$XDG_RUNTIME_DIR/carrick` (else one below /tmp) and `$XDG_STATE_HOME/carrick` (else below the
/// home folder).
///
/// # Errors
/// If one of them is there and is not this user's alone: whoever made it could answer for
/// federations that do not run, and have folders purged.
pub fn of_user() -> Result<UserPaths> {
    let environment = Environment::read();
    let run = match environment.runtime_dir {
        Some(dir) => dir.join("carrick"),
        None => PathBuf::from(format!("/tmp/carrick-{}", rustix::process::geteuid().as_raw())),
    };
    let state = match (environment.state_home, environment.home) {
        (Some(dir), _) => dir.join("carrick"),
        (None, Some(home)) => home.join(".local/state/carrick"),
        (None, None) => bail!("neither XDG_STATE_HOME nor HOME is set; set one, certificates are kept there"),
    };
    carrick_files::check_own_dir(&run)?;
    carrick_files::check_own_dir(&state)?;
    Ok(UserPaths { run, state })
}

/// The Envoy for these hops; `None` if there are none.
pub fn envoy(hops: &[EnvoyHop]) -> Result<Option<Envoy>> {
    let environment = Environment::read();
    Envoy::find(hops, environment.envoy.as_deref(), environment.path.as_deref())
}

/// The running federation that is meant: the only one, or the named one.
pub fn find(which: &Which) -> Result<Federation> {
    let paths = of_user()?;
    let all = running(&paths.run);
    let names = || all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let path = match (&which.federation, all.as_slice()) {
        (Some(name), _) => all
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, path)| path)
            .with_context(|| format!("no federation {name} runs here; running: {}", names()))?,
        (None, []) => bail!("no federation runs here; start one with `carrick up FOLDER`"),
        (None, [(_, path)]) => path,
        (None, _) => bail!("several federations run here; name one with --federation: {}", names()),
    };
    Ok(Federation::new(RunDir::new(path)))
}

pub fn any_runs() -> Result<bool> {
    Ok(!running(&of_user()?.run).is_empty())
}

/// What is kept of federations of that name (or of any), as names and state folders; see
/// [`UserPaths::state_of`].
pub fn kept(name: Option<&str>) -> Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(of_user()?.state) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let folder = entry.file_name().to_string_lossy().into_owned();
        let Some((of, _)) = folder.rsplit_once('-') else { continue };
        if name.is_none_or(|name| name == of) {
            found.push((of.to_owned(), entry.path()));
        }
    }
    found.sort();
    Ok(found)
}
