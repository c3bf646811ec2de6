//! What every story needs: a home of its own for the program, folders to break, federations that
//! run, and patience.
//!
//! It must not know what any story is about.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long, because many stories share the machine; nobody waits longer than the event takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The only names that the demo's request and its attempts are about.
pub const URL: &str = "http://server.ns2.svc.cluster.global/helloworld";

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Run and state directories that no other story uses, and a place for files.
pub struct Home {
    root: tempfile::TempDir,
}

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Told {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Home {
    pub fn new() -> Self {
        Self { root: tempfile::Builder::new().prefix("it-").tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Where the run directories of this home's federations are.
    pub fn runs(&self) -> PathBuf {
        self.path().join("run/carrick")
    }

    /// The program, with this home's environment.
    pub fn carrick(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carrick"));
        command.args(words).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", self.path().join("run"));
        command.env("XDG_STATE_HOME", self.path().join("state"));
        command.env_remove("CARRICK_LOG");
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, words: &[&str]) -> Told {
        Told::of(self.carrick(words).output().unwrap())
    }

    /// The same, which must go well; gives what it printed.
    pub fn good(&self, words: &[&str]) -> String {
        let told = self.run(words);
        assert_eq!(told.code, Some(0), "carrick {}: {told:#?}", words.join(" "));
        told.out
    }

    /// A copy of `examples/two-clusters` that a story may change.
    pub fn example(&self) -> PathBuf {
        let folder = self.path().join("two-clusters");
        copy(&repository().join("examples/two-clusters"), &folder);
        folder
    }

    /// Nothing of a federation is left among this home's files, but for its certificates and
    /// addresses.
    pub fn assert_no_files_left(&self) {
        let left: Vec<_> = match fs::read_dir(self.runs()) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        };
        assert_eq!(left, Vec::<PathBuf>::new(), "files of a federation that does not run any more");
    }
}

impl Told {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON ({error}): {self:#?}"))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A federation that `carrick up` keeps running, in the foreground, so that what it says can be
/// read.
pub struct Running {
    pub home: Home,
    pub folder: PathBuf,
    process: Child,
    said: PathBuf,
}

impl Running {
    /// Starts the two clusters of the example, after `change` has changed their files.
    pub fn start(options: &[&str], change: impl FnOnce(&Path)) -> Self {
        let home = Home::new();
        let folder = home.example();
        change(&folder);
        Self::start_in(home, folder, options)
    }

    pub fn start_in(home: Home, folder: PathBuf, options: &[&str]) -> Self {
        let said = home.path().join("said");
        let file = fs::File::create(&said).unwrap();
        let mut command = home.carrick(&["up"]);
        command.arg(&folder).args(options).stdout(file.try_clone().unwrap()).stderr(file);
        let mut running = Self { process: command.spawn().unwrap(), home, folder, said };
        running.hears("; Ctrl-C or `carrick down` stops it");
        running
    }

    /// Everything that it has said by now.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    /// Waits until it has said this; gives everything that it has said by then.
    pub fn hears(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.said();
            if said.contains(words) {
                return said;
            }
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "`carrick up` ended ({ended:?}) and had said: {said}");
            assert!(Instant::now() < deadline, "`carrick up` did not say {words:?}, but: {said}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The process that holds the federation's life.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Runs a command in a pod.
    pub fn exec(&self, pod: &str, command: &[&str]) -> Told {
        exec(&self.home, pod, command)
    }

    /// What curl gets for a request from the client.
    pub fn curl(&self, url: &str) -> Told {
        curl(&self.home, url)
    }

    /// Waits for the end of `carrick up`, which somebody else brings about.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "`carrick up` did not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Also where a story failed. The federation goes with its outer process.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ =
            until(PATIENCE, || self.home.runs().read_dir().map_or(true, |mut left| left.next().is_none()));
    }
}

pub fn exec(home: &Home, pod: &str, command: &[&str]) -> Told {
    home.run(&[&["exec", pod, "--"], command].concat())
}

pub fn curl(home: &Home, url: &str) -> Told {
    exec(home, "cluster1/client", &["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", url])
}

/// The example's two clusters, for stories that change nothing. Those that run at the same time
/// share one federation.
pub fn two_clusters() -> Arc<Running> {
    static SHARED: Mutex<Weak<Running>> = Mutex::new(Weak::new());
    // A story that failed to start it has told why; the next one tries for itself.
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return running;
    }
    let running = Arc::new(Running::start(&[], |_| {}));
    *shared = Arc::downgrade(&running);
    running
}

/// Asks again and again until it is true; whether it came true.
pub fn until(patience: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !is_true() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// What a child says on one of its streams, to its end.
pub fn rest_of(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Checks that a document is what the published types say, field by field.
pub fn is_document<T: serde::Serialize + serde::de::DeserializeOwned>(document: &Value, kind: &str) {
    assert_eq!((&document["apiVersion"], &document["kind"]), (&"carrick.dev/v1alpha1".into(), &kind.into()));
    let typed: carrick_api::Document<T> = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), *document, "the types know every field");
}
