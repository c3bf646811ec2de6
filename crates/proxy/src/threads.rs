//! Two kinds of threads: workers, which serve connections, and one for what must never wait for
//! them: configuration, and answers to operators (as ztunnel has it). However many connections
//! there are, `/ready` answers and configuration arrives.
//!
//! It must not know what runs on them.

use std::future::Future;
use std::io;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Where tasks are to run.
#[derive(Debug, Clone)]
pub(crate) struct Threads {
    /// Sockets that listen, and connections.
    pub(crate) workers: Handle,
    pub(crate) control: Handle,
}

/// The thread for configuration and operators. It ends when this is dropped, and with it all that
/// runs on it.
#[derive(Debug)]
pub(crate) struct ControlThread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ControlThread {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            // It is only ever dropped.
            let _ = runtime.block_on(stopped);
        };
        let thread = thread::Builder::new().name("control".into()).spawn(run)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs it there, and returns what it makes; `None` if the thread is gone.
    pub(crate) async fn make<T: Send + 'static>(
        &self,
        make: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.handle.spawn(make).await.ok()
    }
}

impl Drop for ControlThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        // What it holds, such as the file of a socket, is gone when this returns.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
