//! Where log lines go: a file, standard output, or standard error, written by one thread for the
//! whole process.
//!
//! A line is copied into the sink's buffer and the caller goes on; a slow disk never slows a
//! request. It must not know what the lines say.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::stats::Counter;

/// The writer wakes at once when a sink holds this much.
const FLUSH_BYTES: usize = 64 * 1024;
/// Beyond this much unwritten text, lines are dropped and counted.
const LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// A line waits at most this long before it is written.
const FLUSH_DELAY: Duration = Duration::from_millis(100);

/// One target. Logs that name the same file share it.
#[derive(Debug)]
pub(super) struct Sink {
    target: Target,
    buffer: Mutex<Vec<u8>>,
    dropped: Counter,
}

#[derive(Debug)]
enum Target {
    File(File),
    Stdout,
    Stderr,
}

impl Sink {
    /// Opens the file for appending, unless another log has it open already.
    pub(super) fn open(path: &str) -> io::Result<Arc<Self>> {
        match path {
            "/dev/stdout" => return Self::shared(Path::new(path), || Ok(Target::Stdout)),
            "/dev/stderr" => return Self::shared(Path::new(path), || Ok(Target::Stderr)),
            _ => {}
        }
        Self::shared(Path::new(path), || {
            Ok(Target::File(OpenOptions::new().create(true).append(true).open(path)?))
        })
    }

    fn shared(path: &Path, open: impl FnOnce() -> io::Result<Target>) -> io::Result<Arc<Self>> {
        let mut sinks = lock(&WRITER.sinks);
        if let Some(sink) = sinks.get(path).and_then(Weak::upgrade) {
            return Ok(sink);
        }
        let sink = Arc::new(Self { target: open()?, buffer: Mutex::default(), dropped: Counter::default() });
        sinks.retain(|_, sink| sink.strong_count() > 0);
        sinks.insert(path.to_owned(), Arc::downgrade(&sink));
        Ok(sink)
    }

    /// Appends what `write` writes to the buffer; if too much is unwritten, drops it and counts it.
    pub(super) fn append(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut buffer = lock(&self.buffer);
        let before = buffer.len();
        if before >= LIMIT_BYTES {
            self.dropped.increment();
            return;
        }
        write(&mut buffer);
        let after = buffer.len();
        drop(buffer);
        if before == 0 {
            WRITER.wake(Wake::Soon);
        } else if before < FLUSH_BYTES && after >= FLUSH_BYTES {
            WRITER.wake(Wake::Now);
        }
    }

    fn flush(&self) {
        let pending = std::mem::take(&mut *lock(&self.buffer));
        if pending.is_empty() {
            return;
        }
        let written = match &self.target {
            Target::File(file) => (&*file).write_all(&pending),
            Target::Stdout => io::stdout().lock().write_all(&pending).and_then(|()| io::stdout().flush()),
            Target::Stderr => io::stderr().lock().write_all(&pending),
        };
        if let Err(error) = written {
            tracing::warn!(%error, "access log lines could not be written");
        }
        let dropped = self.dropped.get();
        if dropped > 0 {
            tracing::warn!(dropped, "access log lines dropped in all: their file is too slow");
        }
    }
}

impl Drop for Sink {
    /// The last log that used this sink is gone; what it logged is not.
    fn drop(&mut self) {
        self.flush();
    }
}

/// Writes out what is buffered; to be called before the process ends.
pub fn flush() {
    WRITER.flush();
}

static WRITER: LazyLock<Writer> = LazyLock::new(Writer::start);

/// The thread that writes, and what it looks after.
struct Writer {
    sinks: Mutex<BTreeMap<PathBuf, Weak<Sink>>>,
    wish: Mutex<Wake>,
    wished: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    Never,
    Soon,
    Now,
}

impl Writer {
    fn start() -> Self {
        // Without the thread, buffers are still written when they are dropped and when the process
        // ends.
        let run = || {
            loop {
                WRITER.wait();
                WRITER.flush();
            }
        };
        if let Err(error) = thread::Builder::new().name("access-log".into()).stack_size(64 * 1024).spawn(run)
        {
            tracing::error!(%error, "the access log writer could not be started");
        }
        Self { sinks: Mutex::default(), wish: Mutex::new(Wake::Never), wished: Condvar::new() }
    }

    fn wake(&self, wish: Wake) {
        let mut current = lock(&self.wish);
        if *current < wish {
            *current = wish;
            self.wished.notify_one();
        }
    }

    /// Returns when there is something to write: at once if a buffer is full, else after a delay
    /// that gathers lines.
    fn wait(&self) {
        let wish = lock(&self.wish);
        let wish =
            self.wished.wait_while(wish, |wish| *wish == Wake::Never).unwrap_or_else(PoisonError::into_inner);
        let (mut wish, _) = self
            .wished
            .wait_timeout_while(wish, FLUSH_DELAY, |wish| *wish != Wake::Now)
            .unwrap_or_else(PoisonError::into_inner);
        *wish = Wake::Never;
    }

    fn flush(&self) {
        let sinks: Vec<_> = lock(&self.sinks).values().filter_map(Weak::upgrade).collect();
        sinks.iter().for_each(|sink| sink.flush());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
